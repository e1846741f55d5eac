"""Turns: one at a time, and a rest after each."""

from __future__ import annotations

import pytest

from functions.receive_objects.turns import Turns


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def granted(turns: Turns) -> bool:
    with turns.take() as turn:
        return turn is not None


def test_a_second_turn_is_refused_while_the_first_lasts() -> None:
    turns = Turns(Clock())
    with turns.take() as first:
        assert (first is not None, granted(turns)) == (True, False)
    assert granted(turns)


def test_the_rest_is_as_long_as_the_turn_was_dear() -> None:
    clock = Clock()
    turns = Turns(clock)
    with turns.take():
        clock.now_s += 2
    clock.now_s += 7.9
    assert not granted(turns)
    clock.now_s += 0.1
    assert granted(turns)


def test_after_a_turn_that_found_something_there_is_no_rest() -> None:
    clock = Clock()
    turns = Turns(clock)
    with turns.take() as turn:
        assert turn is not None
        turn.fruitful = True
        clock.now_s += 2
    assert granted(turns)


def test_a_turn_that_fails_is_given_back() -> None:
    turns = Turns(Clock())
    with pytest.raises(RuntimeError), turns.take():
        raise RuntimeError("the store is away")
    assert granted(turns)
