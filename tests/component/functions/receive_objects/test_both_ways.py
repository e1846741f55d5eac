"""Webhook and sweep together: each change is announced, once, whichever sees it first."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from eventing.sink import SinkError
from eventing.store import StoredObject
from eventing.testing import HandlingFailed, MemorySink

pytestmark = pytest.mark.slow

PUT, DELETE = "ObjectCreated:Put", "ObjectRemoved:Delete"


def test_a_sweep_finds_what_was_dropped_while_the_webhook_was_dead(system: Any) -> None:
    app = system.start()
    system.drop("churn/model.yaml", b"target: churned")
    assert system.notify(app, "churn/model.yaml") == 200

    for number in range(5):  # nobody tells of these
        system.drop(f"churn/{number}.csv", b"%d" % number)
    system.drop("churn/model.yaml", b"target: left")
    later = system.start()
    for _ in range(3):
        system.sweep(later)

    assert system.announced() == [
        (PUT, "churn/model.yaml"),
        *((PUT, f"churn/{number}.csv") for number in range(5)),
        (PUT, "churn/model.yaml"),
    ]
    assert len({event.id for event in system.sink.events}) == 7


def test_a_notification_that_comes_again_announces_nothing(system: Any) -> None:
    app = system.start()
    system.drop("a.csv", b"1")
    assert [system.notify(app, "a.csv", "a.csv"), system.notify(app, "a.csv")] == [200, 200]
    system.sweep(app)
    assert system.announced() == [(PUT, "a.csv")]


def test_both_ways_give_the_same_event(system: Any, new_database: Any) -> None:
    system.drop("münchen/a b+c.csv", b"1")
    by_webhook = system.start()
    system.notify(by_webhook, "münchen/a b+c.csv")
    system.database = new_database()
    system.sweep(system.start())
    told, found = system.sink.events
    assert told == found
    assert told.subject == "münchen/a b+c.csv"


@pytest.mark.parametrize("way", ["webhook", "sweep"])
def test_content_that_returns_is_announced_each_time(system: Any, way: str) -> None:
    app = system.start()
    for content in (b"A", b"B", b"A"):
        system.drop("a.csv", content)
        for _ in range(2):
            if way == "webhook":
                system.notify(app, "a.csv")
            else:
                system.sweep(app)
    assert system.announced() == [(PUT, "a.csv")] * 3
    assert len({event.id for event in system.sink.events}) == 3


@pytest.mark.parametrize("way", ["webhook", "sweep"])
def test_a_removed_object_is_announced_as_gone_and_then_as_new(system: Any, way: str) -> None:
    app = system.start()

    def tell(name: str) -> None:
        for _ in range(2):
            if way == "webhook":
                system.notify(app, "a.csv", name=f"s3:{name}")
            else:
                system.sweep(app)

    system.drop("a.csv", b"A")
    tell(PUT)
    system.remove("a.csv")
    tell(DELETE)
    system.drop("a.csv", b"A")
    tell(PUT)
    assert system.announced() == [(PUT, "a.csv"), (DELETE, "a.csv"), (PUT, "a.csv")]
    assert len({event.id for event in system.sink.events}) == 3


def test_a_notification_that_comes_late_does_not_bring_old_content_back(system: Any) -> None:
    app = system.start()
    system.drop("a.csv", b"A")
    system.sweep(app)
    system.remove("a.csv")
    system.sweep(app)
    assert system.notify(app, "a.csv", name="s3:ObjectCreated:Put") == 200
    system.sweep(app)
    assert system.announced() == [(PUT, "a.csv"), (DELETE, "a.csv")]


def test_what_the_sink_refused_is_sent_by_a_later_sweep_once(system: Any) -> None:
    app = system.start()
    system.sink.refusing = True
    system.drop("a.csv", b"1")
    assert system.notify(app, "a.csv") == 200  # it is recorded: the store has done its part
    system.drop("b.csv", b"1")
    with pytest.raises(HandlingFailed) as caught:
        system.sweep(app)
    assert caught.value.status == 503
    assert system.announced() == []

    system.sink.refusing = False
    for _ in range(3):
        system.sweep(app)
    assert system.announced() == [(PUT, "a.csv"), (PUT, "b.csv")]


class PickySink(MemorySink):
    """Refuses the events of one object, for good."""

    def send(self, event: Any) -> None:
        if event.subject == "poison.csv":
            raise SinkError("400: no", status=400, final=True)
        super().send(event)


def test_what_the_sink_refuses_for_good_holds_up_no_other_and_is_tried_again_later(system: Any) -> None:
    app = system.start(sink=(picky := PickySink()))
    for key in ("a.csv", "poison.csv", "z.csv"):
        system.drop(key, b"1")
    system.sweep(app)
    system.drop("zz.csv", b"1")
    system.sweep(app)
    assert [event.subject for event in picky.events] == ["a.csv", "z.csv", "zz.csv"]
    assert "kascade_object_events_refused_total 1.0" in app.test_client().get("/metrics").text

    mended = system.start()
    system.sweep(mended)
    assert system.announced() == []
    system.clock.ahead = timedelta(hours=1, seconds=1)
    system.sweep(mended)
    assert system.announced() == [(PUT, "poison.csv")]


class Crash(BaseException):
    """Stands for the process's death: nothing after it runs, no clean-up in our code may count on it."""


class DyingSink(MemorySink):
    """Dies with an event in its hand: before it is sent, or after."""

    def __init__(self, *, after: bool) -> None:
        super().__init__()
        self.after = after

    def send(self, event: Any) -> None:
        if self.after:
            super().send(event)
        raise Crash


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_between_recording_and_marking_loses_nothing(system: Any, after: bool) -> None:
    dying = DyingSink(after=after)
    system.drop("a.csv", b"1")
    with pytest.raises(Crash):
        system.sweep(system.start(sink=dying))

    restarted = system.start()
    system.sweep(restarted)
    assert system.announced() == []  # it may still be being sent: the claim holds for half a minute
    system.clock.ahead = timedelta(seconds=31)
    for _ in range(3):
        system.sweep(restarted)
    assert system.announced() == [(PUT, "a.csv")]
    assert [event.id for event in dying.events] == [event.id for event in system.sink.events] * after


def test_webhooks_and_sweeps_at_once_announce_each_object_once(system: Any) -> None:
    keys = [f"churn/{number}.csv" for number in range(12)]
    for key in keys:
        system.drop(key, key.encode())
    apps = [system.start() for _ in range(4)]
    start = threading.Barrier(8)
    failures: list[BaseException] = []

    def run(app: Any, by_webhook: bool) -> None:
        start.wait()
        try:
            if by_webhook:
                for key in keys:
                    assert system.notify(app, key) == 200
            else:
                system.sweep(app)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(apps[n % 4], n < 4)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert Counter(system.announced()) == Counter({(PUT, key): 1 for key in keys})


@pytest.mark.parametrize("known", [False, True])
def test_a_sweep_that_listed_before_a_webhook_does_not_undo_its_record(system: Any, known: bool) -> None:
    app = system.start()
    if known:
        system.drop("a.csv", b"first")
        system.sweep(app)
    system.drop("a.csv", b"A")
    old = system.store.head("s3://raw/a.csv")

    class Overtaken:
        """A store whose listing is old by the time it is read."""

        def list(self, prefix: str) -> list[StoredObject]:
            system.notify(app, "a.csv")
            system.drop("a.csv", b"B")
            system.notify(app, "a.csv")
            return [old]

    system.sweep(system.start(store=Overtaken()))
    system.sweep(app)
    assert [event.data["s3"]["object"]["eTag"] for event in system.sink.events][known:] == [
        old.etag,
        system.store.head("s3://raw/a.csv").etag,
    ]


def test_a_sweep_does_not_wait_for_one_under_way(system: Any) -> None:
    system.drop("a.csv", b"1")
    listing, go_on = threading.Event(), threading.Event()

    class Slow:
        def list(self, prefix: str) -> Any:
            listing.set()
            assert go_on.wait(20)
            return system.store.list(prefix)

    app = system.start(store=Slow())
    first = threading.Thread(target=system.sweep, args=(app,))
    first.start()
    assert listing.wait(20)
    system.sweep(app)
    assert system.announced() == []
    go_on.set()
    first.join()
    assert system.announced() == [(PUT, "a.csv")]


def test_a_bucket_longer_than_a_page_is_swept_whole(system: Any) -> None:
    count = 230
    for number in range(count):
        system.drop(f"many/{number:05}.csv", b"")
    app = system.start()
    for _ in range(2):
        system.sweep(app)
    assert Counter(key for _, key in system.announced()) == Counter(f"many/{n:05}.csv" for n in range(count))


def test_a_sweep_that_runs_out_of_time_is_continued_by_the_next(system: Any) -> None:
    for number in range(120):
        system.drop(f"many/{number:03}.csv", b"")

    class SlowSink(MemorySink):
        def send(self, event: Any) -> None:
            system.clock.ahead += timedelta(seconds=0.3)
            super().send(event)

    sink = SlowSink()
    app = system.start(sink=sink)
    system.sweep(app)
    assert 0 < len(sink.events) < 120
    for _ in range(2):
        system.sweep(app)
    assert len({event.subject for event in sink.events}) == len(sink.events) == 120


def test_strange_keys_are_announced_as_they_are(system: Any) -> None:
    keys = ["..churn/..a.csv", "churn/ü ☃%2F+.csv", "churn/tab\there.csv", "churn/quote'\".csv"]
    for key in keys:
        system.drop(key, b"1")
    app = system.start()
    for _ in range(2):
        system.sweep(app)
    assert len(system.sink.events) == 4
    assert {event.subject for event in system.sink.events} == {*keys[:2], None, keys[3]}
