"""PingSources, SinkBindings and Triggers are checked as the webhooks check them."""

from __future__ import annotations

from typing import Any

import pytest

from knative.local.resources.kinds import problems_of


def ping(**spec: Any) -> list[str]:
    sink = {"uri": "http://127.0.0.1:1/"}
    body = {"apiVersion": "sources.knative.dev/v1", "kind": "PingSource", "metadata": {"name": "a"}}
    return [str(problem) for problem in problems_of({**body, "spec": {"sink": sink, **spec}})]


@pytest.mark.case("H", "PingSource 0 9 * * 7, 0 0 L * *, bad JSON data")
def test_ping_sources_are_checked() -> None:
    assert ping(schedule="*/5 * * * *", timezone="Europe/Berlin") == []
    assert ping(schedule="* * * * * *") == []
    assert ping(schedule="@hourly") == []
    assert "unsupported descriptor @every" in ping(schedule="@every 5s")[0]
    assert ping(schedule="0 0 29 2 *") == []
    assert "names a day that never comes" in ping(schedule="0 0 30 2 *")[0]
    assert ping(schedule="0 9 * * MON-FRI") == ping(schedule="0/20 1,2 ? JAN *") == []
    assert "end of range (7) above maximum (6)" in ping(schedule="0 9 * * 7")[0]
    assert "failed to parse int from L" in ping(schedule="0 0 L * *")[0]
    assert "beginning of range (5) beyond end of range (1)" in ping(schedule="0 9 * * 5-1")[0]
    assert "step of range should be a positive number" in ping(schedule="*/0 * * * *")[0]
    assert "unrecognized descriptor: @often" in ping(schedule="@often")[0]
    assert ping(data="no JSON", contentType="text/plain") == []
    for data in ("no JSON", "[1]", "[" * 100_000):
        assert "spec.data: invalid value" in ping(data=data, contentType="application/json")[0]
    assert "spec.dataBase64: invalid value" in ping(dataBase64="not base64!")[0]
    assert ping(sink={"ref": {"kind": "Broker", "name": "a"}}) == [
        "spec.sink.ref.apiVersion: missing field(s)"
    ]
    assert "end of range (61) above maximum (59)" in ping(schedule="61 * * * *")[0]
    assert "expected 5 to 6 fields" in ping(schedule="* * *")[0]
    assert "is no time zone" in ping(timezone="Mars/Base")[0]
    assert "expected exactly one, got both" in ping(data="a", dataBase64="YQ==")[0]
    assert (
        "relative when there is a ref"
        in ping(sink={"ref": {"apiVersion": "v1", "kind": "Broker", "name": "a"}, "uri": "http://b/"})[0]
    )
    assert "absolute when there is no ref" in ping(sink={"uri": "/a"})[0]


def test_sink_bindings_name_or_select_services_and_jobs() -> None:
    body = {"apiVersion": "sources.knative.dev/v1", "kind": "SinkBinding", "metadata": {"name": "a"}}
    sink = {"uri": "http://127.0.0.1:1/"}
    subject = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "b"}
    problems = problems_of({**body, "spec": {"subject": subject, "sink": sink}})
    assert [p.path for p in problems] == ["spec.subject.kind"]
    both = {"apiVersion": "batch/v1", "kind": "Job", "name": "b", "selector": {"matchLabels": {"a": "b"}}}
    assert "exactly one of" in problems_of({**body, "spec": {"subject": both, "sink": sink}})[0].message


def test_a_trigger_with_two_dialects_in_one_filter_is_refused_by_the_broker_itself() -> None:
    spec = {
        "broker": "default",
        "subscriber": {"uri": "http://a/"},
        "filters": [{"exact": {"type": "a"}, "suffix": {"type": "b"}}],
    }
    body = {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": {"name": "t"},
        "spec": spec,
    }
    assert problems_of(body)[0].path.startswith("spec.filters[0]")


def trigger(**spec: Any) -> list[str]:
    body = {"apiVersion": "eventing.knative.dev/v1", "kind": "Trigger", "metadata": {"name": "t"}}
    return [
        problem.webhook_message()
        for problem in problems_of({**body, "spec": {"subscriber": {"uri": "http://a/"}, **spec}})
    ]


@pytest.mark.case("H", "Trigger without broker")
def test_triggers_are_refused_as_the_webhook_refuses_them() -> None:
    assert trigger(broker="default") == []
    assert trigger() == ["missing field(s): spec.broker"]
    assert trigger(broker="b", subscriber={"ref": {"kind": "Service", "name": "a"}}) == [
        "missing field(s): spec.subscriber.ref.apiVersion"
    ]
    assert trigger(broker="b", delivery={"retryAfterMax": "PT1S"}) == [
        "must not set the field(s): spec.delivery.retryAfterMax"
    ]
