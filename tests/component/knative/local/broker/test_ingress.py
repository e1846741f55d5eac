"""Section A of the broker contract: methods, paths, parsing. The numbers are those of docs/broker.md."""

from __future__ import annotations

import json
from typing import Any

import pytest

STRUCTURED = {"specversion": "1.0", "id": "1", "source": "/tests", "type": "dev.kascade.tested"}


def test_01_a_binary_event_is_accepted_with_an_empty_202(world: Any) -> None:
    answer = world.send()

    assert (answer.status, answer.body) == (202, b"")
    assert answer.headers["Allow"] == "POST, OPTIONS"


@pytest.mark.parametrize(
    "content_type", ["application/cloudevents+json", "application/cloudevents+json; charset=utf-8"]
)
def test_02_a_structured_event_is_accepted(world: Any, content_type: str) -> None:
    assert world.send_structured(STRUCTURED, content_type).status == 202


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/xml", b"<a/>"),
        ("application/vnd.apache.thrift.binary", b"\x00\xff\x01"),
        ("application/json", b"{broken"),
    ],
)
def test_03_data_of_any_content_type_is_accepted_and_not_looked_into(
    world: Any, content_type: str, body: bytes
) -> None:
    subscriber = world.subscriber()
    world.trigger(subscriber)

    assert world.send(body, {"content-type": content_type}).status == 202

    (received,) = subscriber.wait_for(1)
    assert (received.headers["content-type"], received.body) == (content_type, body)


@pytest.mark.parametrize("version", ["1.0", "0.3"])
def test_04_06_both_versions_are_accepted_and_delivered_as_they_are(world: Any, version: str) -> None:
    subscriber = world.subscriber()
    world.trigger(subscriber)

    assert world.send(specversion=version).status == 202

    (received,) = subscriber.wait_for(1)
    assert received.attribute("specversion") == version


@pytest.mark.parametrize("version", ["19.0", "1", "1.1", "0.2", ""])
def test_05_an_unknown_version_is_refused(world: Any, version: str) -> None:
    answer = world.send(specversion=version)

    assert answer.status == 400
    assert b"specversion" in answer.body


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH"])
def test_07_other_methods_are_not_allowed(world: Any, method: str) -> None:
    answer = world.request(method)

    assert answer.status == 405
    assert answer.headers["Allow"] == "POST, OPTIONS"


def test_08_options_names_what_is_allowed_and_lets_any_webhook_in(world: Any) -> None:
    answer = world.request("OPTIONS")

    assert answer.status == 200
    assert answer.headers["Allow"] == "POST, OPTIONS"
    assert answer.headers["WebHook-Allowed-Origin"] == "*"
    assert answer.headers["WebHook-Allowed-Rate"] == "*"


@pytest.mark.parametrize("name", ["specversion", "id", "type", "source"])
@pytest.mark.parametrize("value", [None, ""])
def test_09_an_event_without_a_required_attribute_is_refused_naming_it(
    world: Any, name: str, value: str | None
) -> None:
    answer = world.send(**{name: value})

    assert answer.status == 400
    assert name.encode() in answer.body


def test_09_a_request_without_an_event_is_refused(world: Any) -> None:
    answer = world.request(headers={"content-type": "application/json"}, body=b"{}")

    assert answer.status == 400
    assert b"no event" in answer.body


@pytest.mark.parametrize("time", ["yesterday", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00"])
def test_09_a_time_that_is_none_is_refused(world: Any, time: str) -> None:
    assert world.send(time=time).status == 400


@pytest.mark.parametrize("source", ["%zz", "1a:b", "/with space"])
def test_09_a_source_that_is_no_uri_reference_is_refused(world: Any, source: str) -> None:
    assert world.send(source=source).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"{broken",
        b"[]",
        b"",
        b"\xff",
        json.dumps({**STRUCTURED, "data": 1, "data_base64": "MQ=="}).encode(),
        json.dumps({**STRUCTURED, "data_base64": "!"}).encode(),
        json.dumps({**STRUCTURED, "Upper": "x"}).encode(),
        json.dumps({**STRUCTURED, "nested": {"a": 1}}).encode(),
        json.dumps(STRUCTURED).encode() + b"{}",
        b'{"id": "1", "id": "2", "specversion": "1.0", "source": "/t", "type": "t"}',
        json.dumps(STRUCTURED).replace("1.0", "1.0\\ud800").encode(),
        b"[" * 100_000,
    ],
)
def test_09_a_structured_body_that_is_no_event_is_refused(world: Any, body: bytes) -> None:
    assert world.send_structured(body).status == 400


def test_09_an_unknown_structured_format_is_refused(world: Any) -> None:
    assert world.send_structured(STRUCTURED, "application/cloudevents+avro").status == 400


def test_09_every_problem_of_an_event_is_named_at_once(world: Any) -> None:
    answer = world.send(id="", source="%zz", time="now")

    assert all(name in answer.body for name in (b"id", b"source", b"time"))


def test_10_a_batch_is_refused(world: Any) -> None:
    assert (
        world.send_structured(json.dumps([STRUCTURED]).encode(), "application/cloudevents-batch+json").status
        == 400
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/kascade", 400),
        ("/kascade/default/more", 400),
        ("/kascade/default/", 202),
        ("/kascade/unknown", 404),
        ("/unknown/default", 404),
        ("/kascade/default?a=b", 404),
    ],
)
def test_11_the_path_names_a_namespace_and_a_broker(world: Any, path: str, status: int) -> None:
    headers = {f"ce-{name}": value for name, value in STRUCTURED.items()}

    assert world.request(path=path, headers=headers).status == status


def test_12_an_event_without_content_type_and_data_is_delivered_without_them(world: Any) -> None:
    subscriber = world.subscriber()
    world.trigger(subscriber)

    answer = world.request(headers={f"ce-{name}": value for name, value in STRUCTURED.items()})

    assert answer.status == 202
    (received,) = subscriber.wait_for(1)
    assert received.body == b""
    assert "content-type" not in received.headers


@pytest.mark.parametrize("size", [36_864, 8 << 20, 32 << 20])
def test_13_a_large_event_is_delivered_exactly_once(world: Any, size: int) -> None:
    subscriber = world.subscriber()
    world.trigger(subscriber)

    assert world.send(b"x" * size).status == 202

    (received,) = subscriber.wait_for(1)
    assert len(received.body) == size


def test_13_a_client_that_waits_for_a_go_ahead_before_its_body_gets_it(world: Any) -> None:
    assert world.send(b"{}", {"Expect": "100-continue"}).status == 202


def test_15_the_202_does_not_wait_for_a_subscriber(world: Any, answer: Any) -> None:
    subscriber = world.subscriber(answer(after_s=1.0))
    world.trigger(subscriber)

    assert world.send().status == 202
    subscriber.wait_for(1)
    assert world.metric("kascade_broker_deliveries_total") == 0


def test_14_16_an_event_that_finds_no_space_is_refused_and_taken_when_there_is_some(
    world: Any, until: Any
) -> None:
    """Given a full log, when an event comes it is refused; once the log has drained it is taken."""
    world.stop()
    world.trigger("http://127.0.0.1:9/", delivery={"retry": 1000, "backoffDelay": "PT0.05S"})
    world.start(max_log_bytes=400_000)

    answers = [world.send(b"x" * 50_000, id=str(n)) for n in range(20)]

    stored = [each for each in answers if each.status == 202]
    assert {each.status for each in answers} == {202, 507}
    assert world.engine.backlog()["kascade", "all", "subscriber"] == len(stored)
    subscriber = world.subscriber()
    world.trigger(subscriber)
    subscriber.wait_for(len(stored))
    # What was delivered is taken from the log a moment later.
    until(lambda: world.send(b"x" * 50_000).status == 202)
