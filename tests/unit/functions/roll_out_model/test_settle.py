"""Tests of the next step back to what the facts say of a model without a rollout."""

from __future__ import annotations

from dataclasses import replace

import pytest

from functions.roll_out_model.logic import (
    Copy,
    Deploy,
    Observed,
    Readiness,
    RevisionStatus,
    Route,
    Shift,
    Wait,
    Wanted,
)
from functions.roll_out_model.settle import Remove, Settled, next_repair

V1, V2 = (Wanted("churn", version, f"s3://models/v{version}", "0" * 64) for version in (1, 2))
READY, PENDING = RevisionStatus(Readiness.READY), RevisionStatus(Readiness.PENDING)
BOTH = {"churn-v1": READY, "churn-v2": READY}
LOST = Settled("churn", V1, None, frozenset({"churn-v2"}))
WON = Settled("churn", V2, V1, frozenset())
NEVER_BEGUN = Settled("churn", None, None, frozenset({"churn-v2"}))
AT_REST = Observed("churn-v1", {"churn-v1": READY}, {"churn-v1": 100}, {"churn-v1": 100})
CANARY = {"churn-v1": 90, "churn-v2": 10}


@pytest.mark.parametrize(
    ("settled", "observed"),
    [
        (LOST, AT_REST),
        (LOST, replace(AT_REST, revisions={"churn-v1": PENDING})),
        (LOST, replace(AT_REST, template="churn-v3", revisions={"churn-v1": READY, "churn-v3": PENDING})),
        (
            WON,
            Observed("churn-v1", BOTH, {"churn-v2": 100}, {"churn-v2": 100}, tags={"previous": "churn-v1"}),
        ),
        (NEVER_BEGUN, Observed()),
        (NEVER_BEGUN, AT_REST),
    ],
)
def test_what_agrees_with_the_facts_or_is_not_known_to_them_is_left(
    settled: Settled, observed: Observed
) -> None:
    assert next_repair(settled, observed) is None


@pytest.mark.parametrize(
    ("settled", "observed", "expected"),
    [
        (LOST, Observed(), Deploy(None)),
        (LOST, Observed("churn-v2", {"churn-v2": READY}, {}, {"churn-v2": 100}), Deploy("churn-v2")),
        (LOST, replace(AT_REST, shadow="http://challenger"), Copy(None)),
        (LOST, replace(AT_REST, revisions=BOTH), Remove("churn-v2")),
        (LOST, replace(AT_REST, pinned={"": 100}), Shift(Route({"churn-v1": 100}))),
        (WON, Observed("churn-v2", BOTH, CANARY), Shift(Route({"churn-v2": 100}, {"previous": "churn-v1"}))),
        (
            WON,
            Observed("churn-v2", {"churn-v2": READY}, {"churn-v2": 100}, tags={"challenger": "churn-v2"}),
            Shift(Route({"churn-v2": 100})),
        ),
        (NEVER_BEGUN, Observed("churn-v2", {"churn-v2": PENDING}), Remove("churn-v2")),
    ],
)
def test_what_differs_from_the_facts_is_repaired(
    settled: Settled, observed: Observed, expected: object
) -> None:
    assert next_repair(settled, observed) == expected


def test_while_the_champion_is_not_ready_the_others_are_left_to_serve() -> None:
    revisions = {"churn-v1": PENDING, "churn-v2": READY}
    assert isinstance(next_repair(LOST, Observed("churn-v2", revisions, CANARY)), Wait)
