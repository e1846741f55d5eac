"""Writes docs/metrics.md, the list of all metrics, from the code that counts.

`python -m kascade.metrics_page` writes it, with `--check` it says whether it is up to date.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from eventing.metrics import EventMetrics
from functions.join_feedback.metrics import LabelMetrics
from functions.materialize_features.metrics import FeatureMetrics
from functions.notify_people.metrics import NotificationMetrics
from functions.receive_objects.metrics import ObjectMetrics
from functions.record_events.ledger_metrics import families_of
from functions.serve_model.metrics import Metrics
from knative.local.broker.metrics import BacklogCollector, BrokerMetrics
from knative.local.gateway.metrics import GatewayMetrics

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"
LOG_COUNTS = ("sent_rows", "dropped_rows", "refused_rows", "waiting_rows")
_HEAD = """\
# Metrics

Written from the code that counts, by `python -m kascade.metrics_page`; `make check` holds the two together.
[how-to/monitoring.md](how-to/monitoring.md) says how to scrape them, and has alert rules and a dashboard.
"""
_COMPONENTS = {
    "every function": "At `/metrics` of each function but `run_training`, which is a job, and `serve_model`.",
    "record_events": (
        "From the state, at `/metrics` of `record_events`, which always runs: they go on while all sleeps. "
        "Two replicas tell the same: take the greatest, `max by (model, type) (…)`."
    ),
    "serve_model": "At `/metrics` of each model server. `version` is the one that it serves.",
    "join_feedback": "",
    "receive_objects": "",
    "materialize_features": "",
    "notify_people": "",
    "the local runtime's broker": "At `/metrics` of the API of one machine, which asks for its token.",
    "the local runtime's gateway": "In the same place.",
}


@dataclass(frozen=True)
class Described:
    """A metric, as a query names it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    says: str


def render() -> str:
    """Return the page."""
    parts = [_HEAD]
    for place, metrics in described().items():
        parts.append(f"## {place if '_' in place else place[0].upper() + place[1:]}\n")
        if _COMPONENTS[place]:
            parts.append(textwrap.fill(_COMPONENTS[place], 118) + "\n")
        for each in metrics:
            labels = " by " + ", ".join(f"`{label}`" for label in each.labels) if each.labels else ""
            text = f"`{each.name}` ({each.kind}{labels}): {each.says}"
            parts.append(
                textwrap.fill(text, 118, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
            )
        parts[-1] += "\n"
    return "\n".join(parts)


def described() -> Mapping[str, list[Described]]:
    """Return all metrics by where they are counted."""
    broker, gateway, labels, objects, views, notifications = (CollectorRegistry() for _ in range(6))
    BrokerMetrics(broker)
    broker.register(BacklogCollector(dict))
    GatewayMetrics(gateway)
    LabelMetrics().register(labels)
    ObjectMetrics().register(objects)
    FeatureMetrics().register(views)
    NotificationMetrics().register(notifications)
    served = Metrics("m", 1)
    served.lookups.shown = True
    served.watch_log(lambda: dict.fromkeys(LOG_COUNTS, 0))
    return {
        "every function": _registered(EventMetrics("f").registry),
        "record_events": [_described(each, each) for each in families_of({}, {}, {}, None, [])],
        "serve_model": [_described(each, each) for each in served.collect()],
        "join_feedback": _registered(labels),
        "receive_objects": _registered(objects),
        "materialize_features": _registered(views),
        "notify_people": _registered(notifications),
        "the local runtime's broker": _registered(broker),
        "the local runtime's gateway": _registered(gateway),
    }


def _registered(registry: CollectorRegistry) -> list[Described]:
    """Describe what a registry has; the library tells the labels of a metric by no public name."""
    return [
        _described(metric, collector if hasattr(collector, "_labelnames") else metric)
        for collector in registry._collector_to_names
        for metric in collector.collect()
    ]


def _described(metric: Metric, labelled: object) -> Described:
    name = metric.name + ("_total" if metric.type == "counter" else "")
    return Described(name, metric.type, tuple(getattr(labelled, "_labelnames", ())), metric.documentation)


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m kascade.metrics_page", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when the page is out of date"
    )
    check = parser.parse_args().check
    text = render()
    if PAGE.exists() and PAGE.read_text() == text:
        return 0
    if not check:
        PAGE.write_text(text)
    print(f"{'out of date' if check else 'written'}: {PAGE.name}")
    return int(check)


if __name__ == "__main__":
    sys.exit(main())
