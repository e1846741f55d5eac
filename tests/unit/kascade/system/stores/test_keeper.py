"""When a store's process that ended is started again."""

from __future__ import annotations

import pytest

from kascade.system.stores.keeper import Keeper


class Process:
    """A store's process, and the clock of who watches it."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        self.now = 100.0
        self.launches: list[float] = []
        self.said: list[str] = []
        self.keeper = Keeper(self, self.said.append, clock=lambda: self.now)

    def relaunch(self) -> None:
        self.exit_code = None
        self.launches.append(self.now)

    def end(self) -> float:
        """End now; return after how many seconds of looks it was started again."""
        ended, before = self.now, len(self.launches)
        self.exit_code = -9
        while len(self.launches) == before:
            self.keeper.check()
            self.now += 0.01
        return round(self.launches[-1] - ended, 1)


def test_a_store_that_runs_is_left_alone() -> None:
    process = Process()
    for _ in range(5):
        process.keeper.check()
    assert (process.launches, process.said) == ([], [])


def test_a_store_that_ended_is_started_again_soon_and_that_is_said_once() -> None:
    process = Process()
    assert process.end() == pytest.approx(0.2)
    assert process.said == ["the object store ended (-9); starting it again in 0.2 s"]


def test_a_store_that_keeps_ending_is_started_again_ever_later_up_to_a_bound() -> None:
    process = Process()
    assert [process.end() for _ in range(8)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_a_store_that_was_up_for_a_while_is_started_again_soon() -> None:
    process = Process()
    for _ in range(3):
        process.end()
    process.now += 30
    assert process.end() == pytest.approx(0.2)
