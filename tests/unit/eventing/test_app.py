"""The application around a handler: what is answered to what."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask import Flask

from eventing.app import create_app, matching
from eventing.catalogue import TrainingRequested
from eventing.codec import decode, to_structured
from eventing.errors import InvalidEvent, Rejected, RetryLater
from eventing.event import Event, answer
from eventing.sink import SinkError
from eventing.store import StoreUnavailable
from eventing.testing import HandlingFailed, MemorySink, build_event, handle

EVENT = build_event(TrainingRequested.type, {"model": "churn"}, id_="e1")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def app_of(handler: Callable[[Event, Any], Sequence[Event]], sink: MemorySink | None = None) -> Flask:
    accepts = {TrainingRequested.type: TrainingRequested, "com.example.*": None}
    return create_app(handler, name="tested", accepts=accepts, sink=sink, max_bytes=4096)


def reply(event: Event, *numbers: int) -> list[Event]:
    return [answer(event, "dev.example.answered", "/tested", f"churn/{n}", {"n": n}) for n in numbers]


def remembering(seen: list[Any]) -> Callable[[Event, Any], list[Event]]:
    def remember(event: Event, payload: Any) -> list[Event]:
        seen.append((event, payload))
        return []

    return remember


def raising(error: Exception) -> Flask:
    def fail(event: Event, payload: Any) -> list[Event]:
        raise error

    return app_of(fail)


def test_the_handler_gets_the_event_and_its_payload() -> None:
    seen: list[Any] = []
    assert handle(app_of(remembering(seen)), EVENT) is None
    assert seen == [(EVENT, TrainingRequested(model="churn"))]


def test_no_answer_is_204_without_a_body() -> None:
    client = app_of(lambda event, payload: []).test_client()
    response = client.post("/", headers=_headers(), data=b'{"model": "churn"}')
    assert (response.status_code, response.data) == (204, b"")


def test_one_answer_is_the_reply_in_binary_mode() -> None:
    answered = handle(app_of(lambda event, payload: reply(event, 1)), EVENT)
    assert answered is not None
    assert (answered.type, answered.subject, answered.data) == ("dev.example.answered", "churn/1", {"n": 1})
    assert answered.extensions == {"correlationid": "e1", "causationid": "e1"}


def test_several_answers_go_to_the_sink() -> None:
    sink = MemorySink()
    assert handle(app_of(lambda event, payload: reply(event, 1, 2), sink), EVENT) is None
    assert [event.data for event in sink.events] == [{"n": 1}, {"n": 2}]


def test_a_sink_that_fails_makes_the_delivery_be_tried_again() -> None:
    sink = MemorySink()
    sink.refusing = True
    with pytest.raises(HandlingFailed) as caught:
        handle(app_of(lambda event, payload: reply(event, 1, 2), sink), EVENT)
    assert caught.value.status == 503


def test_several_answers_without_a_sink_are_an_error_that_names_the_setting() -> None:
    with pytest.raises(HandlingFailed, match="set K_SINK") as caught:
        handle(app_of(lambda event, payload: reply(event, 1, 2)), EVENT)
    assert caught.value.status == 500


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (InvalidEvent("wrong"), 400, None),
        (Rejected("no"), 422, None),
        (RetryLater("not yet", after_s=2.5), 503, "3"),
        (SinkError("gone"), 503, "1"),
        (StoreUnavailable("s3://raw/a", "gone"), 503, "1"),
        (KeyError("oops"), 500, None),
    ],
)
def test_each_error_has_its_status(error: Exception, status: int, retry_after: str | None) -> None:
    response = raising(error).test_client().post("/", headers=_headers(), data=b'{"model": "churn"}')
    assert (response.status_code, response.headers.get("Retry-After")) == (status, retry_after)
    assert response.json is not None
    assert response.json["problems"]


def test_a_bug_is_answered_with_its_kind_and_logged_with_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(HandlingFailed, match="KeyError: 'oops'"):
        handle(raising(KeyError("oops")), EVENT)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None


def test_the_reason_fits_into_a_dead_letter_however_many_problems_there_are() -> None:
    problems = [f"field number {number} is wrong in its own way: ü" for number in range(100)]
    with pytest.raises(HandlingFailed) as caught:
        handle(raising(InvalidEvent(*problems)), EVENT)
    assert len(caught.value.body) <= 700
    told = json.loads(caught.value.body)["problems"]
    assert told[0] == problems[0]
    assert told[-1] == f"and {100 - len(told) + 1} more"


def test_one_endless_reason_is_cut() -> None:
    with pytest.raises(HandlingFailed) as caught:
        handle(raising(Rejected("ü" * 5000)), EVENT)
    assert len(caught.value.body) <= 700
    assert json.loads(caught.value.body)["problems"][0].endswith("…")


def test_an_answer_that_breaks_the_specification_is_our_bug() -> None:
    with pytest.raises(HandlingFailed, match="bad answer: id must not be empty") as caught:
        handle(app_of(lambda event, payload: [Event("", "/s", "t")]), EVENT)
    assert caught.value.status == 500


def test_a_type_that_is_not_accepted_is_rejected_naming_those_that_are() -> None:
    with pytest.raises(HandlingFailed, match=r"only com.example.\*, dev.kascade.training") as caught:
        handle(app_of(lambda event, payload: []), build_event("dev.example.unknown"))
    assert caught.value.status == 422


def test_a_prefix_accepts_every_type_under_it_with_the_data_as_it_came() -> None:
    seen: list[Any] = []
    handle(app_of(remembering(seen)), build_event("com.example.x", [1, True]))
    assert [payload for _, payload in seen] == [[1, True]]


@pytest.mark.parametrize(
    ("type_", "entry"), [("a.b", "a.b"), ("a.b.c", "a.b.*"), ("a.x", "a.*"), ("b", None), ("a", None)]
)
def test_the_exact_type_wins_over_the_longest_prefix(type_: str, entry: str | None) -> None:
    assert matching(type_, {"a.*": None, "a.b": None, "a.b.*": None}) == entry


def test_a_payload_from_outside_is_read_strictly_and_every_problem_is_named() -> None:
    bad = build_event(TrainingRequested.type, {"model": "Not A Name", "coment": "typo", "requested_by": 5})
    with pytest.raises(HandlingFailed) as caught:
        handle(app_of(lambda event, payload: []), bad)
    assert caught.value.status == 400
    problems = json.loads(caught.value.body)["problems"]
    assert {problem.split(":")[0] for problem in problems} == {
        "data.model",
        "data.coment",
        "data.requested_by",
    }


def test_a_form_sent_by_mistake_is_told_which_content_type_to_send() -> None:
    headers = {**_headers(), "Content-Type": "application/x-www-form-urlencoded"}
    response = app_of(lambda event, payload: []).test_client().post("/", headers=headers, data=b"{}")
    assert response.status_code == 400
    assert "send Content-Type: application/json" in response.text


def test_a_malformed_event_is_answered_400_with_every_problem() -> None:
    response = app_of(lambda event, payload: []).test_client().post("/", headers={"ce-id": "1"})
    assert response.status_code == 400
    assert response.json == {
        "error": "invalid",
        "problems": ["specversion is missing", "source is missing", "type is missing"],
    }


def test_a_body_over_the_limit_is_answered_413() -> None:
    response = app_of(lambda event, payload: []).test_client().post("/", headers=_headers(), data=b"x" * 4097)
    assert response.status_code == 413


def test_an_event_in_structured_mode_is_handled_too() -> None:
    headers, body = to_structured(EVENT)
    response = (
        app_of(lambda event, payload: reply(event, 1)).test_client().post("/", headers=headers, data=body)
    )
    assert decode(dict(response.headers), response.data).data == {"n": 1}


def test_each_event_of_a_batch_is_handled_and_all_answers_go_to_the_sink() -> None:
    sink = MemorySink()
    members = [json.loads(to_structured(build_event("com.example.x", n, id_=str(n)))[1]) for n in (1, 2)]
    response = (
        app_of(lambda event, payload: reply(event, payload), sink)
        .test_client()
        .post("/", data=json.dumps(members), content_type="application/cloudevents-batch+json")
    )
    assert response.status_code == 204
    assert [(event.data, event.extensions["causationid"]) for event in sink.events] == [
        ({"n": 1}, "1"),
        ({"n": 2}, "2"),
    ]


def test_the_callers_trace_goes_on_in_the_answer() -> None:
    client = app_of(lambda event, payload: reply(event, 1)).test_client()
    response = client.post("/", headers={**_headers(), "traceparent": TRACE}, data=b'{"model": "churn"}')
    assert response.headers["ce-traceparent"] == TRACE
    response = client.post("/", headers={**_headers(), "traceparent": "made up"}, data=b'{"model": "churn"}')
    assert "ce-traceparent" not in response.headers


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(method: str) -> None:
    assert app_of(lambda event, payload: []).test_client().open("/", method=method).status_code == 405


def test_the_probes_tell_life_from_readiness() -> None:
    def not_ready() -> None:
        raise RuntimeError("the database is away")

    client = create_app(lambda e, p: [], name="tested", accepts={}, ready=not_ready).test_client()
    assert client.get("/healthz").status_code == 200
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "the database is away" in response.text
    assert app_of(lambda event, payload: []).test_client().get("/readyz").status_code == 200


def test_events_are_counted_and_timed_by_type_and_outcome() -> None:
    app = app_of(lambda event, payload: reply(event, 1))
    client = app.test_client()
    handle(app, EVENT)
    handle(app, build_event("com.example.something"))
    client.post("/", headers={"ce-id": "1"})
    for _ in range(2):
        with pytest.raises(HandlingFailed):
            handle(app, build_event("dev.example.unknown"))
    text = client.get("/metrics").text
    for line in (
        'kascade_events_total{function="tested",outcome="handled",type="dev.kascade.training.requested"} 1.0',
        'kascade_events_total{function="tested",outcome="handled",type="com.example.*"} 1.0',
        'kascade_events_total{function="tested",outcome="invalid",type="unreadable"} 1.0',
        'kascade_events_total{function="tested",outcome="rejected",type="unaccepted"} 2.0',
        'kascade_event_seconds_count{function="tested",outcome="handled",type="com.example.*"} 1.0',
        'kascade_events_sent_total{function="tested",type="dev.example.answered"} 2.0',
    ):
        assert line in text


def _headers() -> dict[str, str]:
    return {
        "ce-specversion": "1.0",
        "ce-id": "e1",
        "ce-source": "/tests",
        "ce-type": TrainingRequested.type,
        "Content-Type": "application/json",
    }
