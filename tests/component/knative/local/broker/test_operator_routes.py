"""What an operator is told about events that wait, and what the broker has counted."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from aiohttp.test_utils import make_mocked_request

from knative.local.broker.operator_routes import operator_routes

SLOW = {"retry": 100, "backoffDelay": "PT60S"}


def ask(world: Any, path: str) -> tuple[int, str]:
    async def asked() -> tuple[int, str]:
        look = operator_routes(world.engine, world.registry)[path.partition("?")[0]]
        answer = await look(make_mocked_request("GET", path))
        body = answer.body
        assert isinstance(body, bytes)
        return answer.status, body.decode()

    return asyncio.run_coroutine_threadsafe(asked(), world.loop).result(10)


def waiting(world: Any, query: str = "") -> dict[str, Any]:
    status, body = ask(world, f"/waiting{query}")
    assert status == 200
    found: dict[str, Any] = json.loads(body)
    return found


def test_what_waits_for_a_trigger_is_listed_with_its_first_events(world: Any, until: Any) -> None:
    world.trigger("http://127.0.0.1:9/", "slow", delivery=SLOW)
    world.trigger(world.subscriber(), "good")
    for number in range(12):
        world.send(id=str(number), subject="caf%C3%A9")
    until(lambda: world.metric("kascade_broker_retries_total") == 12)
    until(lambda: waiting(world)["triggers"][1]["waiting"]["subscriber"] == 0)

    slow, good = waiting(world)["triggers"]
    first = slow.pop("events")[0]

    assert slow == {
        "namespace": "kascade",
        "trigger": "slow",
        "broker": "default",
        "subscriber": "http://127.0.0.1:9/",
        "waiting": {"subscriber": 12, "dead letter sink": 0},
        "parked": 0,
        "never_matches": None,
    }
    assert (first["id"], first["type"], first["subject"]) == ("0", "dev.kascade.tested", "café")
    assert (first["target"], first["failed_attempts"]) == ("subscriber", 1)
    assert first["next_attempt"].endswith("+00:00")
    assert good["events"] == []


def test_the_caller_says_how_many_events_are_listed(world: Any) -> None:
    world.trigger("http://127.0.0.1:9/", "slow", delivery=SLOW)
    for number in range(12):
        world.send(id=str(number))

    counts = [
        len(waiting(world, query)["triggers"][0]["events"]) for query in ("", "?events=0", "?events=11")
    ]

    assert counts == [10, 0, 11]


@pytest.mark.parametrize("number", ["x", "-1", "1001", "١"])
def test_a_number_of_events_that_is_none_is_refused(world: Any, number: str) -> None:
    assert ask(world, f"/waiting?events={number}")[0] == 400


def test_what_waits_for_a_dead_letter_sink_and_what_is_parked_is_told_apart(
    world: Any, answer: Any, until: Any
) -> None:
    refuser = world.subscriber(answer(400))
    away = {**SLOW, "deadLetterSink": {"uri": "http://127.0.0.1:9/"}}
    world.trigger(refuser, "sink-away", delivery=away)
    world.trigger(refuser, "no-sink")
    world.send()
    until(lambda: world.metric("kascade_broker_parked_total") == 1)
    until(lambda: world.metric("kascade_broker_retries_total") == 1)

    away_told, no_sink_told = waiting(world)["triggers"]

    assert away_told["waiting"] == {"subscriber": 0, "dead letter sink": 1}
    assert [each["target"] for each in away_told["events"]] == ["dead letter sink"]
    assert (no_sink_told["parked"], no_sink_told["events"]) == (1, [])


def test_what_waits_for_a_trigger_that_is_gone_is_told_too(world: Any) -> None:
    world.trigger("http://127.0.0.1:9/", "gone", delivery=SLOW)
    world.send()
    world.stop()
    world.triggers = []
    world.start()

    assert waiting(world) == {"triggers": [], "without_trigger": {"kascade/gone": 1}, "damaged": []}


def test_85_the_metrics_tell_what_waits_for_each_trigger(world: Any) -> None:
    world.trigger("http://127.0.0.1:9/", "slow", delivery=SLOW)
    world.send()

    status, text = ask(world, "/metrics")

    assert status == 200
    line = 'kascade_broker_backlog{namespace="kascade",target="subscriber",trigger="slow"} 1.0'
    assert line in text.splitlines()


def test_the_stand_alone_broker_tells_it_on_its_own_port(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "knative.local.broker", "--port", "0", "--log", str(tmp_path / "log.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base = process.stdout.readline().split(" on ")[1].split("/<")[0]
        told = {path: requests.get(base + path, timeout=10) for path in ("/metrics", "/waiting", "/else")}
        process.terminate()

    assert told["/metrics"].text.startswith("# HELP kascade_broker_")
    assert told["/waiting"].json() == {"triggers": [], "without_trigger": {}, "damaged": []}
    assert told["/else"].status_code == 405


def test_a_trigger_that_can_never_match_is_said(world: Any, caplog: Any) -> None:
    contradictory = [{"exact": {"type": "a"}}, {"exact": {"type": "b"}}]
    world.trigger("http://127.0.0.1:9/", "never", filters=contradictory)
    world.trigger("http://127.0.0.1:9/", "fine", filters=contradictory[:1])

    told = {each["trigger"]: each["never_matches"] for each in waiting(world)["triggers"]}

    assert told == {"never": "type cannot be 'a' and 'b' at once", "fine": None}
    assert world.metric("kascade_broker_never_matching") == 1
    assert "no event can pass the filter of trigger kascade/never" in caplog.text
