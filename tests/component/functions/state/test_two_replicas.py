"""Two replicas that get the same events at once keep and say what one replica does that gets each once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from support.replicas import FUNCTIONS, Outside, at_once, deliver, told
from support.world import MODEL, NOON, logged

from eventing import catalogue as c
from eventing.catalogue import Claim
from eventing.event import Event, derive_id
from eventing.testing import build_event, object_created
from functions.ingest_data.schema import Column, DataSchema
from functions.state import datasets, timers
from functions.state.labels import JoinedLabel
from pipelines.spec import Kind

pytestmark = pytest.mark.slow

CLAIM = {"uri": "s3://datasets/x", "sha256": "0" * 64}
DIGESTS = dict.fromkeys(("dataset_digest", "config_digest", "code_digest"), "0" * 64)
CSV = "amount,churned\n" + "".join(f"{row},{'yes' if row % 2 else 'no'}\n" for row in range(40))


def event(type_: str, id_: str, data: dict[str, Any], subject: str = MODEL) -> Event:
    return build_event(type_, {"model": MODEL, **data}, id_=id_, subject=subject, time=NOON)


def ingested(part: int) -> Event:
    data = dict.fromkeys(("part", "profile", "spec", "data_schema"), CLAIM)
    dataset = {"uri": f"s3://datasets/{MODEL}/{part}", "sha256": f"{part:064x}"}
    counts = {"rows": 1000, "total_rows": 1000 * part, "parts": part, "key": f"{MODEL}/{part}.csv"}
    return event(c.DatasetIngested.type, f"part-{part}", {**data, "dataset": dataset, **counts})


def completed(version: int, cause: str) -> Event:
    """Return the end of the run that the governor approves for an event; others are passed over."""
    claims = dict.fromkeys(("candidate", "card", "holdout", "reference"), CLAIM)
    unique = derive_id(cause, c.TrainingApproved.type, f"{MODEL}/v{version}")[:8]
    run_id = f"{MODEL}-v{version}-{unique}"
    run = {"version": version, "run_id": run_id, "metrics": {}, "train_rows": 800, "seconds": 1.0}
    return event(c.TrainingCompleted.type, f"completed-{version}", {**claims, **DIGESTS, **run})


def ended(version: int) -> Event:
    data = {"version": version, "outcome": "promoted", "message": ""}
    return event(c.RolloutCompleted.type, f"ended-{version}", data)


def approved(version: int) -> Event:
    data = {"version": version, "approved_by": "ann"}
    return event(c.ModelApproved.type, f"approved-{version}", data, f"{MODEL}/v{version}")


def batch(number: int, rows: int = 20, **more: Any) -> Event:
    times = [NOON + timedelta(milliseconds=100 * number + row) for row in range(rows)]
    data = logged(times, seed=f"{number}", **more).model_dump(mode="json", exclude_none=True)
    return event(c.InferenceLogged.type, f"batch-{number}", data, f"{MODEL}/v1")


def timer(owner: str, key: str, number: int = 1) -> Event:
    data = {"owner": owner, "key": key, "due": NOON.isoformat()}
    return build_event(
        c.TimerDue.type, data, id_=f"timer-{key}-{number}", subject=f"{owner}/{key}", time=NOON
    )


def window(outside: Outside, number: int) -> Event:
    row = outside.world.log(logged([NOON + timedelta(seconds=number)] * 200, seed=f"w{number}"))
    listed = outside.world.store.put(
        f"s3://inferences/{MODEL}/windows/{number}.json", f"[{row.claim.model_dump_json()}]".encode()
    )
    when = {"first": NOON.isoformat(), "last": NOON.isoformat()}
    data = {"version": 1, "window": number, "rows": 200, "data": listed.model_dump(), **when}
    return event(c.WindowClosed.type, f"window-{number}", data)


def govern(outside: Outside) -> list[Event]:
    outside.world.spec(retrain={"debounce": "0s", "cooldown": "0s"})
    asked = event(c.TrainingRequested.type, "asked", {})
    return [ingested(1), ingested(2), completed(1, "part-1"), approved(1), ended(1), asked, ingested(3)]


def evaluate(outside: Outside) -> list[Event]:
    outside.world.spec()
    outside.world.version(1)
    outside.world.version(2)
    data = {"version": 2, "rejected_by": "ann"}
    return [approved(1), event(c.ModelRejected.type, "rejected", data, f"{MODEL}/v2")]


def roll_out(outside: Outside) -> list[Event]:
    outside.world.spec(rollout={"phases": []})
    outside.world.version(1)
    return [approved(1)]


def record(outside: Outside) -> list[Event]:
    return [ingested(1), approved(1), completed(1, "part-1")]


def ring(outside: Outside) -> list[Event]:
    with outside.world.session() as session:
        for number in range(20):
            timers.set_timer(session, "govern_training", f"{number}", NOON, cause=ingested(number))
    return [build_event(c.PING, id_=f"tick-{number}") for number in range(2)]


def receive(outside: Outside) -> list[Event]:
    for number in range(30):
        outside.world.store.put(f"s3://raw/{MODEL}/{number}.csv", b"x")
    return [build_event(c.PING, id_=f"tick-{number}") for number in range(2)]


def log(outside: Outside) -> list[Event]:
    outside.world.spec(drift={"window": 100})
    return [batch(number) for number in range(7)]


def join(outside: Outside) -> list[Event]:
    outside.world.spec(labels={"window": "100s", "train": False})
    outside.world.version(1, promoted=True)
    made = logged([NOON] * 6)
    outside.world.log(made)
    labels = [
        event(
            c.FeedbackReceived.type, f"label-{row}-{number}", {"prediction_id": made.ids[row], "label": "yes"}
        )
        for row in range(4)
        for number in range(2)
    ]
    return [*labels, timer("join_feedback", f"{MODEL}/join")]


def watch(outside: Outside) -> list[Event]:
    outside.world.spec(labels={"window": "10s"})
    outside.world.version(1, promoted=True)
    with outside.world.session() as session:
        for row in range(90):
            made = {"model": MODEL, "version": 1, "value": "yes", "loss": float(row > 20)}
            at = NOON + timedelta(seconds=row)
            names = {"prediction_id": f"p{row:02}", "label_id": f"l{row}", "at": at, "received_at": at}
            session.add(JoinedLabel(**made, **names))
    return [joined(through) for through in (20, 60, 40, 100)]


def joined(through: int) -> Event:
    data = {"through": (NOON + timedelta(seconds=through)).isoformat(), "joined": 3}
    return event(c.FeedbackJoined.type, f"joined-{through}", data)


def release(outside: Outside) -> list[Event]:
    outside.world.spec(labels={"window": "10s", "min_rows": 5})
    made = logged([NOON + timedelta(milliseconds=row) for row in range(8)])
    outside.world.log(made)
    outside.world.label(*((identity, NOON, "yes") for identity in made.ids))
    schema = DataSchema((Column("amount", Kind.NUMBER), Column("churned", Kind.CATEGORY)), "churned")
    with outside.world.session() as session:
        dataset = datasets.lock_dataset(session, MODEL)
        claim = Claim(**CLAIM)
        datasets.keep_schema(session, dataset, claim=claim, document=schema.to_json(), now=NOON)
    alarm = {"version": 1, "statistic": 1.0, "threshold": 1.0, "baseline": 0.1, "mean_loss": 0.5, "labels": 9}
    return [joined(20), event(c.PerformanceDegraded.type, "alarm", alarm), joined(40)]


def judge(outside: Outside) -> list[Event]:
    outside.world.spec(labels={"window": "10s"})
    outside.world.version(1, promoted=True)
    outside.world.version(2)
    started = {"version": 2, "champion_version": 1, "phase": "shadow", "revision": "churn-v2"}
    look = timer("judge_rollout", f"{MODEL}/look")
    return [event(c.RolloutStarted.type, "started", started), joined(60), look]


def drift(outside: Outside) -> list[Event]:
    import pyarrow as pa

    outside.world.spec(drift={"detector": "scipy_tabular", "window": 200})
    reference = pa.table({"amount": [float(row % 200) for row in range(1000)]})
    outside.world.version(1, reference=reference, promoted=True)
    return [window(outside, number) for number in range(1, 4)]


def ingest(outside: Outside) -> list[Event]:
    outside.world.store.put(f"s3://raw/{MODEL}/model.yaml", f"model: {MODEL}\ntarget: churned\n".encode())
    outside.world.store.put(f"s3://raw/{MODEL}/a.csv", CSV.encode())
    outside.world.store.put(f"s3://raw/{MODEL}/b.csv", CSV.replace("no", "yes").encode())
    names = ("a.csv", "model.yaml", "b.csv")
    found = [(name, outside.world.store.head(f"s3://raw/{MODEL}/{name}")) for name in names]
    return [
        object_created(f"{MODEL}/{name}", etag=head.etag, size=head.size, id_=name, time=NOON)
        for name, head in found
    ]


SCENES: dict[str, Callable[[Outside], list[Event]]] = {
    "detect_drift": drift,
    "evaluate_model": evaluate,
    "govern_training": govern,
    "ingest_data": ingest,
    "join_feedback": join,
    "judge_rollout": judge,
    "log_inferences": log,
    "receive_objects": receive,
    "record_events": record,
    "release_labels": release,
    "ring_timers": ring,
    "roll_out_model": roll_out,
    "watch_performance": watch,
}


# When the store wrote an object; when a row was written, where that is the real time; and a look that comes
# at once instead of in a second, since another replica was at work on the same event.
OF_THE_CLOCK = ("objects.modified", "handled.handled_at")
SOONER = {"roll_out_model": ("timers.due",)}


LEFT = {
    "govern_training": {"training_runs": '"outcome": "completed"'},
    "join_feedback": {"joined_labels": '"value": "yes"'},
    "watch_performance": {"feedback": '"alarmed_at": "20'},
    "release_labels": {"joined_labels": '"release": "'},
}
"""What a scene must lead to, or it would show nothing: a part of a row, by function and table."""


@pytest.fixture
def new_outside(new_database: Callable[[], str]) -> Iterator[Callable[[], Outside]]:
    made: list[Outside] = []

    def make() -> Outside:
        made.append(Outside(new_database()))
        return made[-1]

    yield make
    for outside in made:
        outside.close()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_same_events_at_once_and_again_leave_what_one_replica_leaves(
    new_outside: Callable[[], Outside], function: str
) -> None:
    alone, shared = new_outside(), new_outside()
    events = SCENES[function](alone)
    replica = alone.replica(function)
    once = [said for each in events for said in deliver(replica, each)] + alone.sink.events

    assert told(SCENES[function](shared)) == told(events)
    two = [shared.replica(function) for _ in range(2)]
    said = [
        answer
        for each in events
        for answer in at_once([partial(deliver, replica, each) for replica in (*two, *two)])
    ]
    again = [answer for each in events for answer in deliver(two[0], each)]

    assert told([*said, *again, *shared.sink.events], "eventTime") == told(once, "eventTime")
    left_out = (*OF_THE_CLOCK, *SOONER.get(function, ()))
    assert shared.rows(*left_out) == alone.rows(*left_out)
    for table, part in LEFT.get(function, {}).items():
        assert any(part in row for row in alone.rows()[table])
