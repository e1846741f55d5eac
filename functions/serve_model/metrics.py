"""Counts requests, predictions and seconds in plain integers; Prometheus' library writes them at a scrape."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

WAITING = "waiting_rows"


class LookupMetrics:
    """The counters of a model's lookups of features; `shown` where it has some to look up."""

    def __init__(self) -> None:
        self.shown = False
        self._outcomes: dict[str, int] = {}
        self._values: dict[str, int] = {}
        self._seconds = Seconds()

    def lookup(self, outcome: str, seconds: float) -> None:
        """Count a question to the feature server: how it ended, and how long that took."""
        self._outcomes[outcome] = self._outcomes.get(outcome, 0) + 1
        self._seconds.add(seconds)

    def values(self, state: str, count: int) -> None:
        """Count values by what the feature store had of them."""
        if count:
            self._values[state] = self._values.get(state, 0) + count

    def collect(self, labels: Mapping[str, str]) -> Iterator[Metric]:
        """Yield the metric families."""
        from prometheus_client.metrics_core import CounterMetricFamily

        names, own = list(labels), list(labels.values())
        for name, says, label, counts in (
            ("kascade_feature_lookups", "Questions to the feature server.", "outcome", self._outcomes),
            ("kascade_feature_values", "Values looked up.", "state", self._values),
        ):
            family = CounterMetricFamily(name, says, labels=[*names, label])
            for kind, count in sorted(counts.items()):
                family.add_metric([*own, kind], count)
            yield family
        yield self._seconds.family(
            "kascade_feature_lookup_seconds", "Seconds that the feature server took to answer.", labels
        )


class Seconds:
    """A histogram of durations."""

    def __init__(self) -> None:
        self._buckets = [0] * (len(BUCKETS_S) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._buckets[bisect_left(BUCKETS_S, seconds)] += 1
        self._sum += seconds

    def family(self, name: str, says: str, labels: Mapping[str, str]) -> Metric:
        """Return it as a metric family."""
        from prometheus_client.metrics_core import HistogramMetricFamily

        bounds = (*map(str, BUCKETS_S), "+Inf")
        buckets = [
            (bound, float(total)) for bound, total in zip(bounds, accumulate(self._buckets), strict=True)
        ]
        family = HistogramMetricFamily(name, says, labels=list(labels))
        family.add_metric(list(labels.values()), buckets, self._sum)
        return family


class Metrics:
    """The counters of one served model. Counting costs less than a microsecond."""

    def __init__(self, model: str, version: int) -> None:
        self._labels = {"model": model, "version": str(version)}
        self._requests: dict[tuple[str, int], int] = {}
        self._rows = self._shadow_rows = 0
        self._log: Callable[[], Mapping[str, int]] = dict
        self._seconds = Seconds()
        self.lookups = LookupMetrics()

    def request(self, protocol: str, status: int, seconds: float) -> None:
        """Count an answered request to infer: its protocol, HTTP status and duration."""
        key = (protocol, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        self._seconds.add(seconds)

    def predictions(self, rows: int) -> None:
        """Count predictions made."""
        self._rows += rows

    def shadows(self, rows: int) -> None:
        """Count answers to copies of another version's requests."""
        self._shadow_rows += rows

    def watch_log(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Show the counts of the log of predictions, by name, at each scrape."""
        self._log = counts

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families, as a custom collector of prometheus_client does."""
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

        names, values = list(self._labels), list(self._labels.values())
        requests = CounterMetricFamily(
            "kascade_inference_requests", "Requests to infer.", labels=[*names, "protocol", "status"]
        )
        for (protocol, status), count in sorted(self._requests.items()):
            requests.add_metric([*values, protocol, str(status)], count)
        yield requests
        for name, says, count in (
            ("kascade_predictions", "Predictions made (rows).", self._rows),
            ("kascade_shadow_rows", "Rows of another version's requests answered.", self._shadow_rows),
        ):
            rows = CounterMetricFamily(name, says, labels=names)
            rows.add_metric(values, count)
            yield rows
        for name, count in self._log().items():
            family = GaugeMetricFamily if name == WAITING else CounterMetricFamily
            says = f"Log of predictions: {name.replace('_', ' ')}."
            logged = family(f"kascade_inference_log_{name}", says, labels=names)
            logged.add_metric(values, count)
            yield logged
        yield self._seconds.family(
            "kascade_inference_seconds", "Seconds from a request to its answer.", self._labels
        )
        if self.lookups.shown:
            yield from self.lookups.collect(self._labels)


def exposition(metrics: Metrics) -> tuple[bytes, str]:
    """Return the metrics as Prometheus' text, and its content type; the first scrape imports the library."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics)
    ProcessCollector(registry=registry)
    return generate_latest(registry), CONTENT_TYPE_LATEST
