"""Prometheus' own tool reads our rules, their tests, and what is answered at /metrics."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from support.prometheus import DASHBOARD, MONITORING, RULES, alerts, promtool, queries

from eventing.metrics import EventMetrics
from functions.join_feedback.metrics import LabelMetrics
from functions.notify_people.metrics import NotificationMetrics
from functions.receive_objects.metrics import ObjectMetrics
from functions.record_events.ledger_metrics import families_of
from functions.serve_model.metrics import Metrics, exposition
from kascade.metrics_page import LOG_COUNTS, PAGE, described, render
from knative.local.broker.metrics import BacklogCollector, BrokerMetrics
from knative.local.gateway.metrics import GatewayMetrics

ROOT = Path(__file__).parents[5]
HOW_TO = ROOT / "docs" / "how-to" / "monitoring.md"
MODEL: dict[str, Any] = {
    "model": "churn",
    "champion": 3,
    "governor": {"breaker": {"open": True}},
    "feedback": {
        "waiting": 2,
        "versions": [{"version": 3, "matured": 4, "labelled": 1}],
        "harm": {"alarmed_at": "2026-11-30T09:00:00+00:00"},
    },
    "drift": {"status": "drifted"},
    "features": [
        {
            "view": "activity",
            "checked": {"differing": 2},
            "drift": {"churn": {"version": 3, "effects": {"spent": 0.3}}},
        }
    ],
}


class Ledger:
    """What record_events answers, with a model in it."""

    def collect(self) -> Any:
        counts = {("churn", "training.failed"): 3}
        return families_of(counts, {("churn", "promoted"): 1}, {("training.failed",): 1}, None, [MODEL])


def events() -> CollectorRegistry:
    metrics = EventMetrics("ingest_data")
    metrics.observe("dev.kascade.dataset.ingested", "handled", 0.1)
    metrics.sent("dev.kascade.dataset.ingested")
    return metrics.registry


def registries() -> dict[str, CollectorRegistry]:
    names = ("ledger", "labels", "objects", "notifications", "broker", "gateway")
    made = {name: CollectorRegistry() for name in names}
    labels, objects, told = LabelMetrics(), ObjectMetrics(), NotificationMetrics()
    labels.count("churn", {"joined": 3, "overtaken": 1, "skewed": 1}, 0.5, 0.1)
    objects.records.labels("followed").inc()
    told.count("team", "warning", "told")
    for name, each in (("labels", labels), ("objects", objects), ("notifications", told)):
        each.register(made[name])
    made["ledger"].register(Ledger())  # type: ignore[arg-type]
    BrokerMetrics(made["broker"]).accept("kascade", "default")
    made["broker"].register(BacklogCollector(lambda: {("kascade", "one", "subscriber"): 2}))
    GatewayMetrics(made["gateway"]).observe("kascade", "churn", 200, 0.01)
    return {"events": events(), **made}


def served() -> str:
    metrics = Metrics("churn", 1)
    metrics.request("v1", 200, 0.01)
    metrics.watch_log(lambda: dict.fromkeys(LOG_COUNTS, 1))
    return exposition(metrics)[0].decode()


@pytest.mark.parametrize("name", ["serve_model", *registries()])
def test_metrics_are_named_as_prometheus_has_it(name: str) -> None:
    text = served() if name == "serve_model" else generate_latest(registries()[name]).decode()
    checked = promtool("check", "metrics", text=text)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_rules_are_rules_and_each_fires_on_what_it_is_about() -> None:
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = promtool("test", "rules", str(Path(__file__).with_name("rules_test.yaml")))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_is_tested() -> None:
    tested = Path(__file__).with_name("rules_test.yaml").read_text()
    assert [each["alert"] for each in alerts() if f"alertname: {each['alert']}\n" not in tested] == []


def test_the_operators_rules_are_the_same() -> None:
    operators = yaml.safe_load((MONITORING / "prometheus-rule.yaml").read_text())
    assert operators["spec"] == yaml.safe_load(RULES.read_text())


def test_the_documentation_lists_every_alert() -> None:
    rows = re.findall(r"^\| (Kascade\w+) \| (\w+) \|$", HOW_TO.read_text(), re.M)
    assert rows == [(each["alert"], each["labels"]["severity"]) for each in alerts()]


def test_the_page_of_metrics_is_what_the_code_counts() -> None:
    assert PAGE.read_text() == render()


def test_every_metric_of_a_query_is_one_that_is_counted_with_its_labels() -> None:
    known = {each.name: each for found in described().values() for each in found}
    for query in queries():
        used = re.findall(r"(kascade_\w+)(?:\{([^}]*)\})?", query)
        assert used, query
        for name, matchers in used:
            metric = known.get(name) or known[name.removesuffix("_bucket")]
            for label in re.findall(r"(\w+)\s*(?:=~|!=|=)", matchers):
                assert label in metric.labels, f"{name} has no {label}"


def test_the_dashboard_has_no_panel_upon_another() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    taken = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
