"""What threads bring while another one writes is written at once, and each learns what became of its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.join_feedback.together import Together


def test_what_comes_while_another_one_writes_is_written_at_once() -> None:
    written: list[list[int]] = []
    began, go_on = threading.Event(), threading.Event()

    def write(items: Sequence[int]) -> list[Exception | None]:
        written.append(list(items))
        began.set()
        assert go_on.wait(30)
        return [ValueError(f"{item} is odd") if item % 2 else None for item in items]

    together = Together(write)
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(together.put, 0)
        assert began.wait(30)
        others = [pool.submit(together.put, number) for number in range(1, 6)]
        while len(together._waiting) < 5:
            pass
        go_on.set()
        errors = [each.exception() for each in (first, *others)]
    assert [sorted(items) for items in written] == [[0], [1, 2, 3, 4, 5]]
    assert [str(error) if error else None for error in errors] == [
        *(None, "1 is odd", None, "3 is odd", None, "5 is odd"),
    ]


def test_one_that_cannot_be_written_spoils_no_other() -> None:
    kept: list[str] = []

    def write(items: Sequence[str]) -> list[Exception | None]:
        if "bad" in items:
            raise ValueError("bad")
        kept.extend(items)
        return [None] * len(items)

    together = Together(write)
    together._writing.acquire()
    with ThreadPoolExecutor(3) as pool:
        puts = [pool.submit(together.put, item) for item in ("a", "bad", "b")]
        while len(together._waiting) < 3:
            pass
        together._writing.release()
        errors = [each.exception() for each in puts]
    assert [error is None for error in errors] == [True, False, True]
    assert sorted(kept) == ["a", "b"]


def test_what_failed_may_be_put_again() -> None:
    answers: list[Exception | None] = [ValueError("not now"), None]
    together = Together(lambda items: [answers.pop(0)])
    with pytest.raises(ValueError, match="not now"):
        together.put("x")
    together.put("x")
