"""Measure join_feedback: `python -m benchmarks.labels` (some two minutes).

One process of the function, as its container runs it, over the embedded store. Labels are sent as events,
one a request on 20 connections as the broker delivers them; then as files, of 100 labels and one of all.
Its timer is rung as the clock does, every second. A rate is that of labels from the first request until the
last one is joined. `--database URL` measures another database than a file of SQLite: an empty one.
"""

from __future__ import annotations

import argparse
import http.client
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from benchmarks.labels.logged_model import MODEL, THREADS, LoggedModel, cpu_s, started
from eventing import catalogue as c
from eventing.codec import to_binary
from eventing.event import Event, originate
from functions.ring_timers.logic import timer_due
from functions.state import timers
from functions.state.database import transaction
from kascade.system.process import HOST

_EVERY_S = 1.0


class Clock:
    """Rings the function's timers every second, as ring_timers does, until it is stopped."""

    def __init__(self, model: LoggedModel, port: int) -> None:
        self._model, self._port = model, port
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Clock:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=600)
        while not self._stopping.wait(_EVERY_S):
            now = self._model.now()
            with transaction(self._model.sessions, read_only=True) as session:
                due = timers.due(session, now, 10)
            for timer in due:
                post(connection, timer_due(timer, now))
                with transaction(self._model.sessions) as session:
                    timers.mark_rung(session, timer)


def post(connection: http.client.HTTPConnection, event: Event) -> None:
    """Deliver an event as the broker does: what is answered 503 comes again."""
    headers, body = to_binary(event)
    while True:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status < 300:
            return
        assert answer.status == 503, answer.status
        time.sleep(0.05)


def send(port: int, events: Iterable[Event]) -> None:
    """Deliver events on all connections at once, each as soon as the one before it is answered."""
    left, lock = iter(events), threading.Lock()

    def work() -> None:
        connection = http.client.HTTPConnection(HOST, port, timeout=600)
        while True:
            with lock:
                event = next(left, None)
            if event is None:
                return
            post(connection, event)

    workers = [threading.Thread(target=work) for _ in range(THREADS)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()


def as_events(ids: list[str]) -> Iterator[Event]:
    """Yield each label as an event."""
    for identity in ids:
        label = c.FeedbackReceived(model=MODEL, label="yes", prediction_id=identity)
        yield originate(c.FeedbackReceived.type, "/bench", MODEL, label)


def as_files(model: LoggedModel, ids: list[str], rows: int) -> Iterator[Event]:
    """Put the labels into files, and yield the event of each."""
    for number in range(0, len(ids), rows):
        lines = "".join(f"{identity},yes\n" for identity in ids[number : number + rows])
        key = f"{MODEL}/{rows}-{ids[number]}.csv"
        model.store.put(f"s3://feedback/{key}", f"prediction_id,label\n{lines}".encode())
        found = {"bucket": {"name": "feedback"}, "object": {"key": quote(key, safe="/"), "eTag": "1"}}
        data = {"eventName": "ObjectCreated:Put", "s3": found}
        yield originate(f"{c.S3_CREATED_PREFIX}:Put", "aws:s3..feedback", key, data)


def main() -> None:
    """Measure, and print a row for each way in which labels come."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.labels", description=__doc__)
    parser.add_argument("--labels", type=int, default=20_000)
    parser.add_argument("--database", help="address of an empty database; else a file of SQLite")
    asked = parser.parse_args()
    ways: dict[str, Callable[[LoggedModel, list[str]], Iterable[Event]]] = {
        "events, one a request": lambda model, ids: as_events(ids),
        "files of 100": lambda model, ids: as_files(model, ids, 100),
        "one file": lambda model, ids: as_files(model, ids, len(ids)),
    }
    print("| labels come as | taken in, a second | joined, a second | CPU ms a label | lag, s |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="kascade-labels-") as scratch:
        url = asked.database or f"sqlite:///{scratch}/state.db"
        with started(Path(scratch), url) as (model, port, process):
            for name, events in ways.items():
                ids = model.log(name.replace(" ", "-"), asked.labels, 100)
                before, cpu, began = model.counts()[1], cpu_s(process), time.monotonic()
                with Clock(model, port):
                    send(port, events(model, ids))
                    taken = time.monotonic() - began
                    while model.counts() != (0, before + len(ids)):
                        time.sleep(0.1)
                seconds, used = time.monotonic() - began, cpu_s(process) - cpu
                rate = len(ids) / seconds
                print(
                    f"| {name} | {len(ids) / taken:,.0f} | {rate:,.0f} | {1000 * used / len(ids):.2f} "
                    f"| {seconds - taken:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
