"""Values that databases differ about get the same answer on both, and none that is asked for for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.replicas import Outside
from support.world import MODEL, NOON, logged

from eventing import catalogue as c
from eventing.codec import to_binary
from eventing.event import Event
from eventing.testing import build_event, object_created

CLAIMS = {
    **{
        name: {"uri": "s3://x/k", "sha256": "0" * 64}
        for name in ("candidate", "card", "holdout", "reference")
    },
    **dict.fromkeys(("dataset_digest", "config_digest", "code_digest"), "0" * 64),
}
LONG = "".join(chr(0x4E00 + (n * n * 7919) % 20000) for n in range(1300))
NUL = "a\x00b"


@pytest.fixture
def outside(database: str) -> Iterator[Outside]:
    made = Outside(database)
    made.world.spec()
    made.world.version(1, promoted=True)
    yield made
    made.close()


def batch(**changed: Any) -> dict[str, Any]:
    return {**logged([NOON]).model_dump(mode="json", exclude_none=True), **changed}


def run(**changed: Any) -> dict[str, Any]:
    data = {"version": 2, "run_id": "r", "metrics": {}, "train_rows": 1, "seconds": 1.0, **CLAIMS}
    return {"model": MODEL, **data, **changed}


def person(**changed: Any) -> dict[str, Any]:
    return {"model": MODEL, "version": 1, "approved_by": "ann", **changed}


@pytest.mark.parametrize(
    ("function", "type_", "data", "status"),
    [
        ("govern_training", c.TrainingRequested.type, {"model": MODEL, "comment": NUL}, 200),
        ("govern_training", c.TrainingCompleted.type, run(run_id=NUL), 204),
        ("govern_training", c.TrainingCompleted.type, run(train_rows=2**63), 400),
        ("govern_training", c.TrainingCompleted.type, run(version=2**31), 400),
        ("evaluate_model", c.ModelApproved.type, person(approved_by=NUL), 204),
        ("evaluate_model", c.ModelApproved.type, person(version=2**31), 400),
        ("evaluate_model", c.ModelApproved.type, person(version=10**30), 400),
        ("log_inferences", c.InferenceLogged.type, batch(ids=[NUL]), 400),
        ("log_inferences", c.InferenceLogged.type, batch(ids=[LONG]), 400),
        ("log_inferences", c.InferenceLogged.type, batch(times_ms=[10**18]), 400),
        ("log_inferences", c.InferenceLogged.type, batch(failures=2**31), 400),
        ("log_inferences", c.InferenceLogged.type, batch(entities=[NUL]), 204),
        ("join_feedback", c.FeedbackReceived.type, {"model": MODEL, "label": NUL, "prediction_id": NUL}, 204),
        (
            "join_feedback",
            c.FeedbackReceived.type,
            {"model": MODEL, "label": 10**400, "prediction_id": LONG},
            204,
        ),
        ("record_events", "any.type", {"text": NUL, "number": 10**400}, 204),
    ],
)
def test_an_odd_value_has_the_same_answer_on_both(
    outside: Outside, function: str, type_: str, data: dict[str, Any], status: int
) -> None:
    assert post(outside, function, build_event(type_, data, id_="odd", time=NOON)) == status


@pytest.mark.parametrize("function", ["govern_training", "record_events"])
def test_an_event_with_the_longest_names_is_handled_and_again(outside: Outside, function: str) -> None:
    event = build_event(c.TrainingRequested.type, {"model": MODEL}, id_=LONG, source=f"/{LONG}", subject=LONG)
    first = post(outside, function, event)
    assert first in (200, 204)
    assert post(outside, function, event) == first


def test_a_dead_letter_with_the_longest_names_is_kept(outside: Outside) -> None:
    event = build_event("any.type", {}, id_=LONG, source=f"/{LONG}", subject=LONG)
    headers, body = to_binary(event)
    headers["ce-knativeerrordest"] = "http://" + "x" * 3000
    client = outside.replica("record_events").test_client()
    answers = [client.post("/dead-letters", data=body, headers=headers).status_code for _ in range(2)]
    assert answers == [204, 204]
    assert len(client.get("/dead-letters").get_json()["dead_letters"]) == 1


def test_columns_with_odd_names_make_the_same_of_a_file(outside: Outside) -> None:
    key = f"{MODEL}/odd.csv"
    rows = "".join(f"{n},{'yes' if n % 2 else 'no'}\n" for n in range(20))
    outside.world.store.put(f"s3://raw/{key}", f"a\x00b,churned\n{rows}".encode())
    etag = outside.world.store.head(f"s3://raw/{key}").etag
    assert post(outside, "ingest_data", object_created(key, etag=etag, size=1, id_="odd")) in (200, 204)


def test_a_question_with_odd_words_is_answered(outside: Outside) -> None:
    client = outside.replica("record_events").test_client()
    for path in ("/events?subject=a%00b", "/events?type=a%00*", f"/events?correlation={'x' * 3000}"):
        assert client.get(path).status_code == 200
    assert client.get("/events/a%00b").status_code == 404


def post(outside: Outside, function: str, event: Event) -> int:
    headers, body = to_binary(event)
    return outside.replica(function).test_client().post("/", data=body, headers=headers).status_code
