"""Work after the answer: some at a time, and no endless queue."""

from __future__ import annotations

import threading
import time

from functions.receive_objects.background import Background


def who_works(background: Background) -> threading.Thread:
    """Bring a piece of work; return the thread that did it."""
    by: list[threading.Thread] = []
    done = threading.Event()

    def work() -> None:
        by.append(threading.current_thread())
        done.set()

    background(work)
    assert done.wait(10)
    return by[0]


def test_who_brings_work_does_not_wait_for_it() -> None:
    may_end, ended = threading.Event(), threading.Event()

    def work() -> None:
        may_end.wait(10)
        ended.set()

    Background()(work)
    assert not ended.is_set()
    may_end.set()
    assert ended.wait(10)


def test_who_brings_work_to_a_full_queue_does_it_himself() -> None:
    may_end = threading.Event()

    def work() -> None:
        may_end.wait(10)

    background = Background(workers=1, backlog=1)
    background(work)
    assert who_works(background) is threading.current_thread()
    may_end.set()


def test_work_that_failed_leaves_its_place_to_others() -> None:
    def work() -> None:
        raise ValueError("a fault")

    background = Background(workers=1, backlog=1)
    background(work)
    deadline = time.monotonic() + 10
    while who_works(background) is threading.current_thread():
        assert time.monotonic() < deadline
