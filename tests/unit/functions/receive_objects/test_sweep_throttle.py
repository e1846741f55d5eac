"""Sweeps: one at a time, and a pause after each that found nothing."""

from __future__ import annotations

import pytest

from functions.receive_objects.sweep_throttle import SweepThrottle


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def granted(throttle: SweepThrottle) -> bool:
    with throttle.start() as sweep:
        return sweep is not None


def test_a_second_sweep_is_refused_while_the_first_lasts() -> None:
    throttle = SweepThrottle(Clock())
    with throttle.start() as first:
        assert (first is not None, granted(throttle)) == (True, False)
    assert granted(throttle)


def test_the_pause_is_in_proportion_to_the_sweep() -> None:
    clock = Clock()
    throttle = SweepThrottle(clock)
    with throttle.start():
        clock.now_s += 2
    clock.now_s += 7.9
    assert not granted(throttle)
    clock.now_s += 0.1
    assert granted(throttle)


def test_after_a_sweep_that_found_something_there_is_no_pause() -> None:
    clock = Clock()
    throttle = SweepThrottle(clock)
    with throttle.start() as sweep:
        assert sweep is not None
        sweep.found_changes = True
        clock.now_s += 2
    assert granted(throttle)


def test_a_sweep_that_fails_is_over() -> None:
    throttle = SweepThrottle(Clock())
    with pytest.raises(RuntimeError), throttle.start():
        raise RuntimeError("the store is away")
    assert granted(throttle)
