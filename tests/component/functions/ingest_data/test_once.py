"""Redeliveries, races and crashes: each file counts once, and nothing is half done."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

from eventing.catalogue import Claim, DatasetIngested
from eventing.event import Event
from eventing.store import MemoryStore
from eventing.testing import HandlingFailed, MemorySink, handle
from functions.state.database import transaction
from functions.state.datasets import Dataset, DatasetPart, WaitingFile, parts_of

Ingesting = Any

CSV = "a,b,y\n1,x,0\n2,z,1\n"


def parts(world: Ingesting, model: str = "churn") -> list[DatasetPart]:
    with transaction(world.sessions, read_only=True) as session:
        return list(parts_of(session, model))


def test_a_redelivered_event_is_answered_alike_and_counts_once(world: Ingesting) -> None:
    world.drop("churn/model.yaml", "target: y\n")
    told = world.put("churn/a.csv", CSV)
    first, second = world.tell(told), world.tell(told)

    assert first == second
    assert first[0].type == DatasetIngested.type
    assert len(parts(world)) == 1


def test_the_same_content_twice_is_one_part_and_one_event(world: Ingesting) -> None:
    world.drop("churn/model.yaml", "target: y\n")
    world.drop_one("churn/a.csv", CSV)

    assert world.drop("churn/b.csv", CSV) == []
    assert world.drop("churn/a.csv", CSV.replace("\n", "\r\n")) == []
    assert len(parts(world)) == 1


@pytest.mark.case("I", "what changed nothing is an event with its reason")
def test_what_changed_nothing_says_why(world: Ingesting) -> None:
    world.drop("churn/a.csv", CSV)
    world.drop("churn/model.yaml", "target: y\n")
    world.drop("churn/model.yaml", "target: y\n")
    world.drop("churn/b.csv", CSV)
    world.drop("churn/x.csv.tmp", CSV)
    gone = world.put("churn/c.csv", CSV)
    world.store.remove("s3://raw/churn/c.csv")
    world.tell(gone)
    world.drop("churn/folder/", "")

    told = [(each.subject, each.data["key"], each.data["reason"]) for each in world.unchanged]
    assert told == [
        ("churn", "churn/a.csv", "waits"),
        ("churn", "churn/model.yaml", "known_spec"),
        ("churn", "churn/b.csv", "known_rows"),
        ("churn", "churn/x.csv.tmp", "ignored"),
        ("churn", "churn/c.csv", "replaced"),
    ]
    assert world.unchanged[0].data["fix"] == "drop churn/model.yaml"
    assert "churn/a.csv" in world.unchanged[2].data["message"]


def test_a_file_replaced_or_removed_before_it_is_read_is_left_to_its_newer_event(world: Ingesting) -> None:
    world.drop("churn/model.yaml", "target: y\n")
    old = world.put("churn/a.csv", CSV)
    new = world.put("churn/a.csv", CSV + "3,w,1\n")

    assert world.tell(old) == []
    assert world.tell(new)[0].data["rows"] == 3
    gone = world.put("churn/b.csv", CSV)
    world.store.remove("s3://raw/churn/b.csv")
    assert world.tell(gone) == []
    spec = world.put("churn/model.yaml", "target: a\n")
    world.store.remove("s3://raw/churn/model.yaml")
    assert world.tell(spec) == []


class ReplacedWhileRead(MemoryStore):
    """A store in which a file is replaced while it is read."""

    def open(self, uri: str, etag: str | None = None) -> BinaryIO:
        stream = super().open(uri, etag)
        if uri.startswith("s3://raw/") and uri.endswith("a.csv"):
            self.put(uri, b"a,b,y\n9,new,0\n")
        return stream


def test_a_file_replaced_while_it_is_read_gives_only_its_newer_form(world: Ingesting) -> None:
    world.store = ReplacedWhileRead("raw", "datasets", "quarantine", "models")
    world.app = world.rebuild(world.store)
    world.drop("churn/model.yaml", "target: y\n")

    assert world.tell(world.put("churn/a.csv", CSV)) == []
    assert parts(world) == []
    assert world.tell(world.put("churn/a.csv", "a,b,y\n9,new,0\n"))[0].data["rows"] == 1


def test_fifty_files_at_once_are_fifty_parts_with_dense_positions_and_growing_manifests(
    world: Ingesting,
) -> None:
    world.drop("churn/model.yaml", "target: y\n")
    told = [world.put(f"churn/{n:02}.csv", f"a,b,y\n{n},x,0\n{n},z,1\n") for n in range(50)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda event: handle(world.app, event), told))

    found = parts(world)
    assert [part.position for part in found] == list(range(50))
    payloads = sorted((answer.data for answer in answers if answer), key=lambda data: data["parts"])
    assert [data["parts"] for data in payloads] == list(range(1, 51))
    assert [data["total_rows"] for data in payloads] == list(range(2, 102, 2))
    order = [part.sha256 for part in found]
    for data in payloads:
        listed = [part["sha256"] for part in world.json(data["dataset"])["parts"]]
        assert listed == order[: data["parts"]]


def test_files_that_race_with_their_spec_are_never_left_waiting(world: Ingesting) -> None:
    files = [world.put(f"churn/{n:02}.csv", f"a,b,y\n{n},x,0\n") for n in range(20)]
    spec = world.put("churn/model.yaml", "target: y\n")
    told = [*files[:10], spec, *files[10:]]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda event: handle(world.app, event), told))
    for event in [again for again in world.sink.events if again.type.startswith("com.")]:
        handle(world.app, event)

    assert len(parts(world)) == 20
    with transaction(world.sessions, read_only=True) as session:
        assert session.scalars(select(WaitingFile)).all() == []


def test_one_event_delivered_twice_at_the_same_time_counts_once(world: Ingesting) -> None:
    world.drop("churn/model.yaml", "target: y\n")
    told = world.put("churn/a.csv", CSV)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: handle(world.app, told), range(4)))

    assert len({answer.id for answer in answers if answer}) == 1
    assert all(answers)
    assert len(parts(world)) == 1


class Crash(Exception):
    """Stands for the process's end."""


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_a_crash_between_any_two_writes_leaves_nothing_half_done(world: Ingesting, nth: int) -> None:
    class CrashingStore(MemoryStore):
        writes = 0

        def put(self, uri: str, data: bytes | BinaryIO) -> Claim:
            claim = super().put(uri, data)
            if uri.startswith("s3://datasets/"):
                CrashingStore.writes += 1
                if CrashingStore.writes == nth:
                    raise Crash
            return claim

    world.store = CrashingStore("raw", "datasets", "quarantine", "models")
    world.app = world.rebuild(world.store)
    world.drop("churn/model.yaml", "target: y\n")
    told = world.put("churn/a.csv", CSV)

    with pytest.raises(HandlingFailed) as caught:
        handle(world.app, told)
    assert caught.value.status == 500
    manifest = 4  # it is written last, once the part and the answer are committed together
    assert len(parts(world)) == (nth == manifest)

    (answer,) = world.tell(told)
    assert answer.data["parts"] == 1
    assert len(world.json(answer.data["dataset"])["parts"]) == 1
    assert [part.position for part in parts(world)] == [0]


def test_a_crash_at_the_commit_is_made_good_by_the_redelivery(
    world: Ingesting, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop("churn/model.yaml", "target: y\n")
    told = world.put("churn/a.csv", CSV)
    engine = world.sessions.kw["bind"]
    armed, crashed = threading.Event(), threading.Event()
    put = world.store.put

    def arming(uri: str, data: bytes | BinaryIO) -> Claim:
        armed.set()
        return put(uri, data)

    def crash(connection: object) -> None:
        if armed.is_set() and not crashed.is_set():
            crashed.set()
            raise Crash

    monkeypatch.setattr(world.store, "put", arming)
    sqlalchemy_event.listen(engine, "commit", crash)
    with pytest.raises(HandlingFailed):
        handle(world.app, told)
    assert parts(world) == []

    (answer,) = world.tell(told)
    assert answer.data["dataset"]["sha256"] in str(list(world.store.list("s3://datasets/churn/manifests/")))
    assert len(parts(world)) == 1


def test_the_first_files_of_different_kinds_at_once_agree_on_one_schema(world: Ingesting) -> None:
    world.drop("churn/model.yaml", "target: y\ningest: {tolerated_bad_rows: 0.5}\n")
    told = [
        world.put(f"churn/{n}.csv", f"a,y\n{n},1\n{n}.5,1\n" if n % 2 else f"a,y\n{n},1\n") for n in range(12)
    ]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda event: handle(world.app, event), told))

    assert len({part.schema_sha256 for part in parts(world)}) == 1
    with transaction(world.sessions, read_only=True) as session:
        dataset = session.get_one(Dataset, "churn")
        assert dataset.parts == len(parts(world)) == 12


def test_answers_that_do_not_reach_the_sink_are_sent_by_the_redelivery(world: Ingesting) -> None:
    world.drop("churn/a.csv", CSV)
    sink: MemorySink = world.sink
    sink.refusing = True
    spec: Event = world.put("churn/model.yaml", "target: y\n")
    with pytest.raises(HandlingFailed) as caught:
        handle(world.app, spec)
    assert caught.value.status == 503

    sink.refusing = False
    assert [event.subject for event in world.tell(spec)] == ["churn", "churn/a.csv"]
