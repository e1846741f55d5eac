"""What the broker counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_AT_INGRESS = ("namespace", "broker")
_AT_TRIGGER = ("namespace", "trigger")


class BrokerMetrics:
    """The counters; each is labelled with the broker or the trigger it counts for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the counters."""

        def counter(name: str, says: str, labels: tuple[str, ...]) -> Counter:
            return Counter(f"kascade_broker_{name}", says, labels, registry=registry)

        self._accepted: dict[tuple[str, str], Counter] = {}
        self.accepted = counter("events_accepted", "Events stored, or matched by no trigger.", _AT_INGRESS)
        self.malformed = counter("events_malformed", "Events refused as no CloudEvents.", _AT_INGRESS)
        self.refused = counter(
            "events_refused", "Events refused for their TTL or lack of space.", _AT_INGRESS
        )
        self.delivered = counter("deliveries", "Events that the subscriber took.", _AT_TRIGGER)
        self.failed = counter("failed_attempts", "Attempts at delivery that failed.", _AT_TRIGGER)
        self.retried = counter("retries", "Failed attempts to be tried again.", _AT_TRIGGER)
        self.dead_lettered = counter("dead_lettered", "Events that the dead letter sink took.", _AT_TRIGGER)
        self.parked = counter("parked", "Events that neither subscriber nor sink took.", _AT_TRIGGER)
        self.lost = counter("lost_deliveries", "Deliveries that a damaged log has lost.", _AT_TRIGGER)
        self.rebuilt = counter("log_rebuilt", "Times that a damaged log was rebuilt.", ())
        self.never_matching = Gauge(
            "kascade_broker_never_matching", "1 if no event can pass.", _AT_TRIGGER, registry=registry
        )
        self.unjudged = counter("filter_errors", "Events that the filter failed on.", _AT_TRIGGER)

    def accept(self, namespace: str, broker: str) -> None:
        """Count an accepted event; on the path of every one, so its labels are looked up once."""
        counter = self._accepted.get((namespace, broker))
        if counter is None:
            counter = self._accepted[namespace, broker] = self.accepted.labels(namespace, broker)
        counter.inc()


class BacklogCollector(Collector):
    """Reports how many deliveries wait, by trigger and target, at the time of the scrape."""

    def __init__(self, backlog: Callable[[], Mapping[tuple[str, str, str], int]]) -> None:
        """Report what `backlog` returns by (namespace, trigger, `subscriber` or `dead letter sink`)."""
        self._backlog = backlog

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the one gauge."""
        gauge = GaugeMetricFamily(
            "kascade_broker_backlog", "Deliveries not finished.", labels=("namespace", "trigger", "target")
        )
        for labels, count in self._backlog().items():
            gauge.add_metric(labels, count)
        yield gauge
