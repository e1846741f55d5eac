"""What the runtime tells about its broker: metrics, and the events that wait for each trigger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .conftest import Local, until

LABELS = 'namespace="default",trigger='


@pytest.fixture(scope="module")
def local(make_local: Callable[..., Local]) -> Iterator[Local]:
    local = make_local()
    later = {"retry": 1, "backoffDelay": "PT60S", "backoffPolicy": "linear"}
    local.write(
        {"kind": "Broker", **eventing("default", {})},
        local.service("ear"),
        {"kind": "Trigger", **eventing("to-ear", {"broker": "default", "subscriber": ref("ear")})},
        {
            "kind": "Trigger",
            **eventing(
                "to-nobody",
                {"broker": "default", "subscriber": {"uri": "http://127.0.0.1:9/"}, "delivery": later},
            ),
        },
    )
    yield local.start()
    assert local.stop() == 0


def eventing(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "eventing.knative.dev/v1", "metadata": metadata, "spec": spec}


def ref(service: str) -> dict[str, Any]:
    return {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": service}}


def samples(local: Local) -> list[str]:
    answer = local.api("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return answer.text.splitlines()


def test_the_api_port_tells_what_became_of_events_and_what_waits(local: Local) -> None:
    assert local.send("/default/default", "e1").status_code == 202

    expected = {
        'kascade_broker_events_accepted_total{broker="default",namespace="default"} 1.0',
        f'kascade_broker_deliveries_total{{{LABELS}"to-ear"}} 1.0',
        f'kascade_broker_retries_total{{{LABELS}"to-nobody"}} 1.0',
        f'kascade_broker_dead_lettered_total{{{LABELS}"to-nobody"}} 0.0',
        'kascade_broker_backlog{namespace="default",target="subscriber",trigger="to-nobody"} 1.0',
        'kascade_broker_backlog{namespace="default",target="subscriber",trigger="to-ear"} 0.0',
    }
    until(lambda: expected <= set(samples(local)), what="all is counted")


def test_the_api_port_lists_the_events_that_wait_for_each_trigger(local: Local) -> None:
    assert local.send("/default/default", "e2", "test.waits").status_code == 202

    def told() -> dict[str, Any] | None:
        triggers = {each["trigger"]: each for each in local.object("/waiting?events=50")["triggers"]}
        found = [each for each in triggers["to-nobody"]["events"] if each["id"] == "e2"]
        return found[0] if found and found[0]["failed_attempts"] else None

    event = until(told)
    assert (event["type"], event["source"], event["target"]) == ("test.waits", "/test", "subscriber")
    assert event["next_attempt"]


def test_a_page_from_elsewhere_is_told_nothing(local: Local) -> None:
    assert local.api("GET", "/waiting", headers={"Origin": "http://elsewhere.example"}).status_code == 403
    assert local.api("GET", "/metrics", headers={"Host": "elsewhere.example"}).status_code == 403
