"""The dead letter sink: nothing is lost, nothing loops, and a person can send an event again."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from eventing import catalogue as kinds
from eventing.codec import to_binary
from eventing.event import Event
from eventing.testing import build_event
from functions.state import dead_letters
from functions.state.database import transaction

if TYPE_CHECKING:
    from conftest import Recorder

REASON = base64.b64encode("Ungültig: no such column".encode()).decode()


def ingested(id_: str = "e1") -> Event:
    return build_event(kinds.DatasetIngested.type, {"model": "churn"}, id_=id_)


def test_a_dead_event_is_kept_and_told_of_with_its_reason(recorder: Recorder) -> None:
    assert recorder.dead(ingested(), dest="http://govern-training.kascade", code="422", data=REASON) == 204
    (letter,) = recorder.get("/dead-letters")["dead_letters"]
    assert letter == {
        "id": 1,
        "event_id": "e1",
        "type": kinds.DatasetIngested.type,
        "source": "/tests",
        "subject": "churn",
        "destination": "http://govern-training.kascade",
        "code": 422,
        "error": "Ungültig: no such column",
        "deaths": 1,
        "received_at": "2026-03-01T12:00:00+00:00",
        "redriven_at": None,
        "discarded_at": None,
    }
    (told,) = recorder.sink.events
    assert told.type == kinds.DeliveryFailed.type
    assert told.extensions["causationid"] == "e1"
    payload = kinds.DeliveryFailed.model_validate(told.data)
    assert payload.event_type == kinds.DatasetIngested.type
    assert (payload.code, payload.error) == (422, "Ungültig: no such column")
    assert payload.redrive == "POST /dead-letters/1/redrive"


def test_the_same_dead_letter_delivered_twice_is_one(recorder: Recorder) -> None:
    for _ in range(2):
        assert recorder.dead(ingested(), dest="http://a", code="500") == 204
    assert recorder.dead(ingested(), dest="http://b", code="500") == 204
    assert [row["destination"] for row in recorder.get("/dead-letters")["dead_letters"]] == [
        "http://a",
        "http://b",
    ]
    first, again, other = recorder.sink.events
    assert first == again
    assert other.id != first.id


def test_a_person_redrives_it_as_it_was_and_a_new_death_is_told_anew(recorder: Recorder) -> None:
    event = ingested()
    recorder.dead(event, dest="http://a", code="500", data=REASON)
    answered = recorder.client.post("/dead-letters/1/redrive")
    assert answered.get_json()["redriven"] == "e1"
    assert recorder.sink.events[-1] == event
    assert recorder.get("/dead-letters")["dead_letters"] == []
    assert len(recorder.get("/dead-letters?all=1")["dead_letters"]) == 1
    recorder.dead(event, dest="http://a", code="503")
    (letter,) = recorder.get("/dead-letters")["dead_letters"]
    assert (letter["id"], letter["deaths"], letter["code"]) == (1, 2, 503)
    told = recorder.sink.of_type(kinds.DeliveryFailed.type)
    assert len({event.id for event in told}) == 2


def test_a_discarded_letter_is_kept_and_waits_no_longer_until_it_dies_again(recorder: Recorder) -> None:
    recorder.dead(ingested(), dest="http://a", code="500")
    assert recorder.client.post("/dead-letters/1/discard").get_json()["discarded"] == "e1"
    assert recorder.get("/dead-letters")["dead_letters"] == []
    (kept,) = recorder.get("/dead-letters?all=1")["dead_letters"]
    assert (kept["deaths"], kept["discarded_at"]) == (1, "2026-03-01T12:00:00+00:00")

    recorder.dead(ingested(), dest="http://a", code="503")
    (letter,) = recorder.get("/dead-letters")["dead_letters"]
    assert (letter["deaths"], letter["discarded_at"]) == (2, None)

    recorder.client.post("/dead-letters/1/discard")
    assert recorder.client.post("/dead-letters/1/redrive").status_code == 200
    (redriven,) = recorder.get("/dead-letters?all=1")["dead_letters"]
    assert (redriven["discarded_at"], redriven["redriven_at"]) == (None, "2026-03-01T12:00:00+00:00")
    assert recorder.client.post("/dead-letters/9/discard").status_code == 404


def test_an_event_that_dies_again_while_it_is_redriven_still_waits(recorder: Recorder) -> None:
    event = ingested()
    recorder.dead(event, dest="http://a", code="500")
    send = recorder.sink.send

    def die_at_once(sent: Event) -> None:  # the subscriber refuses before the broker's answer is here
        send(sent)
        if sent == event:
            assert recorder.dead(event, dest="http://a", code="400") == 204

    recorder.sink.send = die_at_once  # type: ignore[method-assign]
    assert recorder.client.post("/dead-letters/1/redrive").status_code == 200
    (letter,) = recorder.get("/dead-letters")["dead_letters"]
    assert (letter["deaths"], letter["code"], letter["redriven_at"]) == (2, 400, None)
    assert len({told.id for told in recorder.sink.of_type(kinds.DeliveryFailed.type)}) == 2


def test_a_letter_whose_redrive_never_ended_is_still_listed_and_can_be_redriven(recorder: Recorder) -> None:
    recorder.dead(ingested(), dest="http://a", code="500")
    with transaction(recorder.sessions) as session:
        letter = dead_letters.get_letter(session, 1)
        assert letter is not None
        dead_letters.begin_redrive(letter)  # and then nothing: the process died

    (shown,) = recorder.get("/dead-letters")["dead_letters"]
    assert (shown["deaths"], shown["redriven_at"]) == (1, None)
    assert recorder.client.post("/dead-letters/1/redrive").status_code == 200
    assert recorder.get("/dead-letters")["dead_letters"] == []


def test_a_redrive_that_the_broker_does_not_take_leaves_the_letter_as_it_was(recorder: Recorder) -> None:
    recorder.dead(ingested("waits"), dest="http://a", code="500")
    recorder.dead(ingested("redriven"), dest="http://a", code="500")
    assert recorder.client.post("/dead-letters/2/redrive").status_code == 200
    before = recorder.get("/dead-letters?all=1")
    recorder.sink.refusing = True
    for number in (1, 2):
        assert recorder.client.post(f"/dead-letters/{number}/redrive").status_code == 503
    assert recorder.get("/dead-letters?all=1") == before


def test_of_two_redrives_at_once_one_that_fails_leaves_no_event_unsent(recorder: Recorder) -> None:
    recorder.dead(ingested(), dest="http://a", code="500")
    with transaction(recorder.sessions) as session:
        letter = dead_letters.get_letter(session, 1)
        assert letter is not None
        first = dead_letters.begin_redrive(letter)
    recorder.dead(ingested(), dest="http://a", code="500")  # the first was sent, and died
    with transaction(recorder.sessions) as session:
        letter = dead_letters.get_letter(session, 1)
        assert letter is not None
        second = dead_letters.begin_redrive(letter)
    for begun, sent_at in ((first, recorder.now[0]), (second, None)):
        with transaction(recorder.sessions) as session:
            dead_letters.end_redrive(session, begun, sent_at)
    assert len(recorder.get("/dead-letters")["dead_letters"]) == 1


def test_a_dead_notice_of_a_dead_letter_makes_no_further_notice(recorder: Recorder) -> None:
    recorder.dead(ingested(), dest="http://a")
    (told,) = recorder.sink.events
    assert recorder.dead(told, dest="http://b", code="400") == 204
    assert len(recorder.get("/dead-letters")["dead_letters"]) == 2
    assert len(recorder.sink.events) == 1


def test_what_the_broker_left_out_is_said_to_be_unknown(recorder: Recorder) -> None:
    recorder.dead(ingested("1"))
    recorder.dead(ingested("2"), code="x" * 30, data="not base64!", dest="d")
    recorder.dead(ingested("3"), code="504", data="", dest="d")
    found = recorder.get("/dead-letters")["dead_letters"]
    assert [(row["destination"], row["code"], row["error"]) for row in found] == [
        ("unknown", None, "no reason given"),
        ("d", None, "not base64!"),
        ("d", 504, "answered 504 without a reason"),
    ]


def test_what_is_no_event_is_kept_as_it_came(recorder: Recorder) -> None:
    post = recorder.client.post
    for _ in range(2):
        answered = post("/dead-letters", data=b"\x00junk", headers={"ce-id": "1", "ce-specversion": "9"})
        assert answered.status_code == 204
    assert post("/dead-letters", data=b"").status_code == 204
    first, second = recorder.get("/dead-letters")["dead_letters"]
    assert first["error"].startswith("not an event: ")
    assert second["event_id"]
    assert recorder.client.post("/dead-letters/1/redrive").status_code == 422
    assert recorder.client.post("/dead-letters/77/redrive").status_code == 404
    assert recorder.sink.events == []


def test_while_the_broker_is_away_the_letter_is_kept_and_asked_for_again(recorder: Recorder) -> None:
    recorder.sink.refusing = True
    assert recorder.dead(ingested(), dest="http://a") == 503
    assert len(recorder.get("/dead-letters")["dead_letters"]) == 1
    assert recorder.client.post("/dead-letters/1/redrive").status_code == 503
    recorder.sink.refusing = False
    assert recorder.dead(ingested(), dest="http://a") == 204
    assert len(recorder.sink.events) == 1


def test_an_event_too_large_for_a_function_still_fits_here(recorder: Recorder) -> None:
    large = build_event("com.example.large", {"text": "x" * (3 << 20)}, id_="large")
    assert recorder.dead(large, dest="http://a", code="413") == 204
    recorder.client.post("/dead-letters/1/redrive")
    assert to_binary(recorder.sink.events[-1]) == to_binary(large)


def test_a_copy_that_a_challenger_never_took_is_no_dead_letter(recorder: Recorder) -> None:
    headers, body = to_binary(ingested())
    assert recorder.client.post("/dead-letters/copies", data=body, headers=headers).status_code == 204
    assert recorder.get("/dead-letters")["dead_letters"] == []
    assert recorder.sink.events == []


@pytest.mark.case("S12", "/dead-letters/<23 digits>/redrive")
@pytest.mark.parametrize("number", ["9" * 23, str(2**63), str(2**63 - 1), "0", "-1", "\u0661", "9" * 5000])
def test_a_letter_of_any_number_is_there_or_not_found(recorder: Recorder, number: str) -> None:
    assert recorder.client.post(f"/dead-letters/{number}/redrive").status_code == 404
