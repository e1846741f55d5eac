"""An event with a request of a prediction is answered with an event of its chain."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from eventing.catalogue import source_of
from eventing.codec import decode, to_binary, to_structured
from eventing.event import Event, originate
from eventing.testing import NOON
from functions.serve_model.cloud_event import RESPONSE_TYPE

ROW = {"instances": [[1, 2, 3]]}


def ask(data: Any, type_: str = "com.example.asked") -> Event:
    return originate(type_, "/shop", "order/1", data, id_="e-1", now=NOON)


def reply_to(client: Any, event: Event, path: str = "/", *, structured: bool = False) -> tuple[Any, Event]:
    headers, body = to_structured(event) if structured else to_binary(event)
    reply = client.post(path, body, dict(headers))
    assert reply.status == 200, reply.body
    return reply, decode(reply.headers, reply.body)


@pytest.mark.parametrize("structured", [False, True])
@pytest.mark.parametrize("path", ["/", "/v1/models/churn:predict", "/v2/models/churn/infer"])
def test_an_event_is_answered_with_an_event_of_its_chain(churn: Any, path: str, structured: bool) -> None:
    asked = ask(ROW)

    _, answer = reply_to(churn, asked, path, structured=structured)

    assert answer.type == RESPONSE_TYPE
    assert answer.source == source_of("serve_model")
    assert answer.subject == "churn/v1"
    assert answer.correlation_id == "e-1"
    assert answer.extensions["causationid"] == "e-1"
    assert answer.data["predictions"] == [1]
    assert answer.data["model_version"] == "1"


@pytest.mark.parametrize("value", [b"9" * 30, b'"\\ud800"', b"[" * 300 + b"]" * 300])
def test_an_events_data_that_no_request_may_hold_is_the_clients_fault(churn: Any, value: bytes) -> None:
    headers, _ = to_binary(ask(ROW))

    reply = churn.post("/", b'{"instances": [[%s, 2, 3]]}' % value, dict(headers))

    assert reply.status == 400
    assert "data cannot be read as a request" in reply.json["error"]


def test_an_event_from_before_1970_is_refused_for_no_id_could_tell_its_time(churn: Any) -> None:
    headers, body = to_binary(ask(ROW))

    reply = churn.post("/", body, {**headers, "ce-time": "1960-01-01T00:00:00Z"})

    assert reply.status == 400
    assert "before 1970" in reply.json["error"]


def test_an_event_may_carry_a_v2_request(churn: Any) -> None:
    tensor = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}

    _, answer = reply_to(churn, ask({"inputs": [tensor]}))

    assert answer.data["outputs"][0]["data"] == [1]


def test_a_redelivered_event_yields_the_same_reply_and_prediction_ids(churn: Any) -> None:
    _, first = reply_to(churn, ask(ROW))
    _, again = reply_to(churn, ask(ROW))

    assert again.id == first.id
    assert again.data == first.data
    made = uuid.UUID(first.data["prediction_ids"][0])
    assert made.version == 7
    assert made.int >> 80 == int(NOON.timestamp() * 1000)


@pytest.mark.parametrize(
    ("headers", "body", "status", "expected"),
    [
        ({"content-type": "application/json"}, b"{}", 400, "not a CloudEvent"),
        ({"ce-specversion": "1.0", "ce-id": "1", "ce-type": "t"}, b"{}", 400, "source is missing"),
        ({"content-type": "application/cloudevents+json"}, b"{", 400, "not JSON"),
    ],
)
def test_a_malformed_event_says_what_is_wrong(
    churn: Any, headers: dict[str, str], body: bytes, status: int, expected: str
) -> None:
    reply = churn.post("/", body, headers)

    assert reply.status == status
    assert expected in reply.json["error"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"rows": []}, 'must be {"inputs": [...]}'),
        ("text", 'must be {"inputs": [...]}'),
        ({"instances": [[1]]}, "the model takes 3 features"),
        (
            {
                "inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}],
                "parameters": {"binary_data_output": True},
            },
            "binary outputs cannot travel in an event",
        ),
    ],
)
def test_an_event_with_a_bad_request_is_refused(churn: Any, data: Any, expected: str) -> None:
    headers, body = to_binary(ask(data))

    reply = churn.post("/", body, dict(headers))

    assert reply.status == 400
    assert expected in reply.json["error"]


def test_the_reply_of_an_inference_is_not_inferred_again(churn: Any) -> None:
    headers, body = to_binary(ask(ROW, RESPONSE_TYPE))

    assert churn.post("/", body, dict(headers)).status == 422
