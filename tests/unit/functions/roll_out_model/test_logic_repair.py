"""Tests of the next step back to what the facts say of a model without a rollout."""

from __future__ import annotations

from dataclasses import replace

import pytest

from functions.roll_out_model.deployer import FOREIGN, Observed, Readiness, ServedVersion, Status, Traffic
from functions.roll_out_model.logic import Deploy, Desired, Mirror, Remove, Shift, Wait, next_repair

V1, V2 = (ServedVersion("churn", version, f"s3://models/v{version}", "0" * 64) for version in (1, 2))
READY, PENDING = Status(Readiness.READY), Status(Readiness.PENDING)
BOTH = {1: READY, 2: READY}
LOST = Desired("churn", V1, None, frozenset({2}))
WON = Desired("churn", V2, 1, frozenset())
NEVER_BEGUN = Desired("churn", None, None, frozenset({2}))
AT_REST = Observed(1, {1: READY}, Traffic(1), {1: 100})
CANARY = Traffic(1, 2, 10)


@pytest.mark.parametrize(
    ("desired", "observed"),
    [
        (LOST, AT_REST),
        (LOST, replace(AT_REST, versions={1: PENDING})),
        (LOST, replace(AT_REST, latest=3, versions={1: READY, 3: PENDING})),
        (WON, Observed(1, BOTH, Traffic(2, previous=1), {2: 100})),
        (NEVER_BEGUN, Observed()),
        (NEVER_BEGUN, AT_REST),
    ],
)
def test_what_agrees_with_the_facts_or_is_not_known_to_them_is_left(
    desired: Desired, observed: Observed
) -> None:
    assert next_repair(desired, observed) is None


@pytest.mark.parametrize(
    ("desired", "observed", "expected"),
    [
        (LOST, Observed(), Deploy(V1, None)),
        (LOST, Observed(2, {2: READY}, None, {2: 100}), Deploy(V1, None)),
        (LOST, replace(AT_REST, mirror=FOREIGN), Mirror(None)),
        (LOST, replace(AT_REST, versions=BOTH), Remove(2, V1)),
        (LOST, replace(AT_REST, requested=None), Shift(Traffic(1))),
        (WON, Observed(2, BOTH, CANARY), Shift(Traffic(2, previous=1))),
        (WON, Observed(2, {2: READY}, Traffic(2, 1)), Shift(Traffic(2))),
        (NEVER_BEGUN, Observed(2, {2: PENDING}), Remove(2, None)),
    ],
)
def test_what_differs_from_the_facts_is_repaired(
    desired: Desired, observed: Observed, expected: object
) -> None:
    assert next_repair(desired, observed) == expected


def test_while_the_champion_is_not_ready_the_others_are_left_to_serve() -> None:
    assert isinstance(next_repair(LOST, Observed(2, {1: PENDING, 2: READY}, CANARY)), Wait)
