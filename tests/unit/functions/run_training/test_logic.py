"""What follows an attempt."""

from __future__ import annotations

import pytest

from functions.run_training.logic import Next, after_attempt
from pipelines.records import Failure, Fault


def failure(fault: Fault) -> Failure:
    return Failure("check", "said", "fix", fault)


@pytest.mark.parametrize(
    ("announced", "completed", "fault", "attempts", "expected"),
    [
        (True, True, None, 0, Next.NOTHING),
        (True, False, Fault.OWNER, 1, Next.NOTHING),
        (False, True, None, 0, Next.ANNOUNCE),
        (False, False, Fault.OWNER, 1, Next.ANNOUNCE),
        (False, False, Fault.CODE, 1, Next.ANNOUNCE),
        (False, False, Fault.SURROUNDINGS, 1, Next.RETRY),
        (False, False, Fault.SURROUNDINGS, 2, Next.RETRY),
        (False, False, Fault.SURROUNDINGS, 3, Next.ANNOUNCE),
        (False, False, None, 1, Next.RETRY),
        (False, False, None, 3, Next.ANNOUNCE),
    ],
)
def test_only_what_may_pass_is_tried_again_and_not_for_ever(
    announced: bool, completed: bool, fault: Fault | None, attempts: int, expected: Next
) -> None:
    found = after_attempt(
        announced=announced,
        completed=completed,
        failure=None if fault is None else failure(fault),
        attempts=attempts,
        max_attempts=3,
    )
    assert found is expected
