"""Different events about one model, on two replicas at once: what must hold, holds in any order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import select
from support.replicas import Outside, at_once, deliver, told
from support.world import MODEL, NOON, logged

from eventing import catalogue as c
from eventing.codec import to_binary
from eventing.event import Event
from eventing.testing import build_event, object_created
from functions.state import ledger, timers
from functions.state.datasets import DatasetPart
from functions.state.drift import DriftCheckRow
from functions.state.inferences import InferenceBatch
from functions.state.labels import JoinedLabel
from functions.state.runs import TrainingRun

CLAIM = {"uri": "s3://datasets/x", "sha256": "0" * 64}


def event(type_: str, id_: str, data: dict[str, Any], subject: str = MODEL) -> Event:
    return build_event(type_, {"model": MODEL, **data}, id_=id_, subject=subject, time=NOON)


@pytest.fixture
def outside(database: str) -> Iterator[Outside]:
    made = Outside(database)
    yield made
    made.close()


def spread(outside: Outside, function: str, events: Sequence[Event], threads: int = 4) -> list[Event]:
    """Deliver events to two replicas, a part of them in each of several threads; return what is said."""
    replicas = [outside.replica(function) for _ in range(2)]

    def work(number: int) -> list[Event]:
        mine = events[number::threads]
        return [said for each in mine for said in deliver(replicas[number % 2], each)]

    return at_once([partial(work, number) for number in range(threads)]) + outside.sink.events


def kept(outside: Outside, table: type[Any]) -> list[Any]:
    with outside.world.session() as session:
        return list(session.scalars(select(table)))


def test_the_governor_starts_one_run_at_a_time_and_keeps_to_its_budget(outside: Outside) -> None:
    outside.world.spec(retrain={"debounce": "0s", "cooldown": "0s", "max_per_day": 2})
    claims = dict.fromkeys(("part", "profile", "spec", "data_schema"), CLAIM)
    for round_ in range(4):
        parts = range(1 + round_ * 8, 9 + round_ * 8)
        spread(
            outside,
            "govern_training",
            [
                event(
                    c.DatasetIngested.type,
                    f"part-{part}",
                    {
                        **claims,
                        "dataset": {"uri": f"s3://datasets/{part}", "sha256": f"{part:064x}"},
                        **{"rows": 1000, "total_rows": 1000 * part, "parts": part, "key": f"{part}.csv"},
                    },
                )
                for part in parts
            ],
        )
        runs = kept(outside, TrainingRun)
        assert len([run for run in runs if run.ended_at is None]) <= 1
        spread(outside, "govern_training", [each for run in runs for each in life_of(run)], threads=1)
        outside.world.now += timedelta(minutes=10)
    assert sorted(run.version for run in kept(outside, TrainingRun)) == [1, 2]


def life_of(run: TrainingRun) -> list[Event]:
    about = {"version": run.version, "run_id": run.run_id}
    claims = dict.fromkeys(("candidate", "card", "holdout", "reference"), CLAIM)
    digests = dict.fromkeys(("config_digest", "code_digest"), "0" * 64)
    done = {
        **claims,
        **digests,
        "dataset_digest": run.dataset_digest,
        "metrics": {},
        "train_rows": 800,
        "seconds": 1.0,
    }
    verdict = {"version": run.version, "approved_by": "gate"}
    outcome = {"version": run.version, "outcome": "promoted", "message": ""}
    return [
        event(c.TrainingCompleted.type, f"completed-{run.version}", {**about, **done}),
        event(c.ModelApproved.type, f"approved-{run.version}", verdict),
        event(c.RolloutCompleted.type, f"ended-{run.version}", outcome),
    ]


def test_two_who_ring_the_timers_ring_each_and_leave_none(outside: Outside) -> None:
    with outside.world.session() as session:
        for number in range(40):
            timers.set_timer(session, "govern_training", f"{number}", NOON)
    said = spread(outside, "ring_timers", [build_event(c.PING, id_=f"tick-{n}") for n in range(4)])
    assert Counter(each.subject for each in said).keys() == {f"govern_training/{n}" for n in range(40)}
    assert len(told(said)) == 40
    assert kept(outside, timers.TimerRow) == []


def test_each_batch_is_in_one_window_and_windows_are_numbered_without_a_gap(outside: Outside) -> None:
    outside.world.spec(drift={"window": 60})
    batches = []
    for number in range(16):
        made = logged(
            [NOON + timedelta(milliseconds=100 * number + row) for row in range(20)], seed=f"{number}"
        )
        data = made.model_dump(mode="json", exclude_none=True)
        batches.append(event(c.InferenceLogged.type, f"batch-{number}", data, f"{MODEL}/v1"))
    said = spread(outside, "log_inferences", [*batches, *batches[:4]])
    closed = [c.WindowClosed.model_validate_json(each) for each in {json.dumps(e.data) for e in said}]
    rows = kept(outside, InferenceBatch)
    assert len(rows) == 16
    filled = Counter(row.window for row in rows if row.window is not None)
    assert sorted(filled) == sorted(each.window for each in closed) == list(range(1, len(closed) + 1))
    assert {each.window: each.rows for each in closed} == {n: 20 * count for n, count in filled.items()}
    assert sum(row.rows for row in rows if row.window is None) < 60


def test_a_prediction_labelled_by_many_has_one_label(outside: Outside) -> None:
    outside.world.spec(labels={"window": "100s", "train": False})
    outside.world.version(1, promoted=True)
    made = logged([NOON] * 8)
    outside.world.log(made)
    labels = [
        event(c.FeedbackReceived.type, f"{who}-{row}", {"prediction_id": identity, "label": "yes"})
        for row, identity in enumerate(made.ids)
        for who in ("ann", "bob")
    ]
    looks = [
        build_event(
            c.TimerDue.type,
            {"owner": "join_feedback", "key": f"{MODEL}/join", "due": NOON.isoformat()},
            id_=f"look-{number}",
            time=NOON,
        )
        for number in range(4)
    ]
    spread(outside, "join_feedback", [*labels, *looks])
    outside.world.now += timedelta(seconds=2)
    said = spread(outside, "join_feedback", [build_event(c.TimerDue.type, looks[0].data, id_="the last")])
    assert sorted(row.prediction_id for row in kept(outside, JoinedLabel)) == sorted(made.ids)
    counts = [each.data for each in told_once(outside, said)]
    assert sum(each["joined"] for each in counts) == 8
    assert sum(each.get("duplicate", 0) for each in counts) == 8


def told_once(outside: Outside, said: Sequence[Event]) -> list[Event]:
    """Return the events of all replicas, those of earlier deliveries too, each once."""
    from functions.state.handled import Handled
    from functions.state.stored_event import load_event

    stored = [load_event(text) for row in kept(outside, Handled) for text in json.loads(row.outcome)]
    return list({each.id: each for each in (*stored, *said)}.values())


def test_looks_at_once_have_numbers_of_their_own_and_share_one_budget(outside: Outside) -> None:
    outside.world.spec(drift={"detector": "scipy_tabular", "window": 200})
    reference = pa.table({"amount": [float(row % 200) for row in range(1000)]})
    outside.world.version(1, reference=reference, promoted=True)
    windows = []
    for number in range(1, 7):
        row = outside.world.log(logged([NOON + timedelta(seconds=number)] * 200, seed=f"w{number}"))
        uri = f"s3://inferences/{MODEL}/windows/{number}.json"
        listed = outside.world.store.put(uri, f"[{row.claim.model_dump_json()}]".encode())
        when = {"first": NOON.isoformat(), "last": NOON.isoformat()}
        data = {"version": 1, "window": number, "rows": 200, "data": listed.model_dump(), **when}
        windows.append(event(c.WindowClosed.type, f"window-{number}", data))
    said = spread(outside, "detect_drift", [*windows, *windows[:2]])
    assert sorted(row.number for row in kept(outside, DriftCheckRow)) == [1, 2, 3, 4, 5, 6]
    checked = {each.id: each.data for each in said if each.type == c.DriftChecked.type}
    assert sorted(each["window"] for each in checked.values()) == [1, 2, 3, 4, 5, 6]
    assert sum(each["alpha_spent"] for each in checked.values()) <= checked.popitem()[1]["alpha"]


def test_files_and_their_spec_at_once_become_one_dataset_of_all(outside: Outside) -> None:
    files = {"model.yaml": f"model: {MODEL}\ntarget: churned\n"}
    for number in range(5):
        rows = "".join(f"{number * 100 + row},{'yes' if row % 2 else 'no'}\n" for row in range(30))
        files[f"{number}.csv"] = f"amount,churned\n{rows}"
    for name, text in files.items():
        outside.world.store.put(f"s3://raw/{MODEL}/{name}", text.encode())
    heads = {name: outside.world.store.head(f"s3://raw/{MODEL}/{name}") for name in files}
    dropped = [
        object_created(f"{MODEL}/{name}", etag=head.etag, size=head.size, id_=name, time=NOON)
        for name, head in heads.items()
    ]
    said = spread(outside, "ingest_data", dropped)
    # Files that came before the spec are told of anew by it, and the broker brings those events back.
    anew = [each for each in said if each.type.startswith(c.S3_CREATED_PREFIX)]
    spread(outside, "ingest_data", anew)
    parts = sorted(kept(outside, DatasetPart), key=lambda part: part.position)
    assert [part.position for part in parts] == list(range(5))
    assert sorted(part.key for part in parts) == [f"{MODEL}/{number}.csv" for number in range(5)]


def test_each_object_is_announced_however_many_look_for_it(outside: Outside) -> None:
    names = [f"{MODEL}/{number}.csv" for number in range(80)]
    for name in names:
        outside.world.store.put(f"s3://raw/{name}", b"x")
    said = spread(outside, "receive_objects", [build_event(c.PING, id_=f"tick-{n}") for n in range(4)])
    assert sorted(told(said, "eventTime")) == sorted({each.id for each in said})
    assert {each.subject for each in said} == set(names)
    assert len({each.id for each in said}) == len(names)


def test_the_ledger_and_the_dead_letters_have_each_event_once(outside: Outside) -> None:
    events = [event(c.TrainingRequested.type, f"asked-{number}", {}) for number in range(20)]
    spread(outside, "record_events", [*events, *events])
    replicas = [outside.replica("record_events") for _ in range(2)]

    def die(number: int) -> list[Event]:
        for each in events[:5]:
            headers, body = to_binary(each)
            headers |= {"ce-knativeerrordest": "http://govern-training", "ce-knativeerrorcode": "422"}
            client = replicas[number % 2].test_client()
            assert client.post("/dead-letters", data=body, headers=headers).status_code == 204
        return []

    at_once([partial(die, number) for number in range(4)])
    assert sorted(row.event_id for row in kept(outside, ledger.LedgerEvent)) == sorted(e.id for e in events)
    letters = kept(outside, ledger.DeadLetter)
    assert sorted((row.event_id, row.deaths) for row in letters) == [(f"asked-{n}", 1) for n in range(5)]


def test_what_people_decide_at_once_is_noted_once_each(outside: Outside) -> None:
    outside.world.spec()
    outside.world.version(1)
    decided: list[Callable[[], Event]] = [
        partial(
            event, c.ModelApproved.type, f"approved-{who}", {"version": 1, "approved_by": who}, f"{MODEL}/v1"
        )
        for who in ("ann", "bob")
    ]
    spread(outside, "evaluate_model", [make() for make in decided for _ in range(2)])
    facts = outside.rows()["model_facts"]
    assert len([fact for fact in facts if '"approved"' in fact]) == 2
