"""What comes late, or in another order than it happened, is given its place."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from eventing import catalogue as kinds
from eventing.event import Event, originate
from functions.state import timers, versions
from functions.state.database import transaction

if TYPE_CHECKING:
    from conftest import Governor

V1 = {"model": "churn", "version": 1}
SHADOW = V1 | {"phase": "shadow", "revision": "churn-v1"}
APPROVED = V1 | {"approved_by": "ann"}
GATE = "/kascade/evaluate_model"


def note(world: Governor, version: int, fact: versions.Fact) -> None:
    """Write what roll_out_model writes before it says that a rollout ended."""
    world.count += 1
    with transaction(world.sessions) as session:
        versions.record_fact(session, "churn", version, fact, f"fact{world.count}", world.now)


def end_rollout(world: Governor, version: int, outcome: str) -> list[Event]:
    data = {"model": "churn", "version": version, "outcome": outcome, "message": ""}
    return world.send(kinds.RolloutCompleted.type, data)


def second_champion(world: Governor) -> None:
    """Let v2 be promoted, on one part of the dataset; a day has passed since."""
    note(world, 1, versions.Fact.PROMOTED)
    world.first_model()
    note(world, 2, versions.Fact.PROMOTED)
    world.later(days=1)


def reasons_after_new_rows(world: Governor, rows: int = 625) -> list[str]:
    """Return why runs start once a part has come whose rows suffice only where there is harm."""
    before = len(world.approvals())
    world.drop(2, rows=rows)
    world.later(minutes=2)
    return [event.data["reason"] for event in world.approvals()[before:]]


def test_a_lost_run_that_speaks_after_all_leaves_the_next_one_its_lease(world: Governor) -> None:
    world.drop(1)
    (first,) = world.later(minutes=1)
    world.later(hours=4.6)
    world.trained(first)
    (failed,) = world.later(hours=5)
    assert (failed.type, failed.data["step"], failed.data["version"]) == (
        kinds.TrainingFailed.type,
        "lease",
        2,
    )
    assert failed.correlation_id == first.correlation_id
    assert [run.outcome for run in world.runs()] == ["completed", "lost"]


def test_of_two_runs_whose_leases_end_one_after_the_other_both_are_lost(world: Governor) -> None:
    world.drop(1)
    world.later(minutes=1)
    world.clock[0] += timedelta(hours=4.6)  # the timer is late, and a person is faster
    world.send(kinds.TrainingRequested.type, {"model": "churn"})
    assert [run.outcome for run in world.runs()] == [None, None]
    (lost,) = world.later(minutes=1)
    assert (lost.type, lost.data["version"]) == (kinds.TrainingFailed.type, 1)
    (lost,) = world.later(hours=5)
    assert (lost.type, lost.data["version"]) == (kinds.TrainingFailed.type, 2)


@pytest.mark.parametrize(("key", "said"), [("pending", "approved"), ("lease", "failed")])
def test_a_timer_that_rings_by_a_clock_that_is_ahead_is_not_lost(
    world: Governor, key: str, said: str
) -> None:
    world.drop(1)
    if key == "lease":
        world.later(minutes=1)
    with transaction(world.sessions, read_only=True) as session:
        timer = next(each for each in timers.due(session, world.now + timedelta(days=1), 9))
    assert timer.key == f"churn/{key}"
    world.clock[0] = timer.due - timedelta(seconds=1)
    assert world.ring(timer)[0].type == f"dev.kascade.training.{said}"


def test_alarms_about_a_former_champion_are_passed_over_however_late_they_come(world: Governor) -> None:
    second_champion(world)
    end_rollout(world, 2, "promoted")
    assert world.degraded(1) == []
    assert world.drifted(1) == []
    assert reasons_after_new_rows(world) == []


def test_an_alarm_that_overtakes_the_news_of_its_versions_promotion_is_kept(world: Governor) -> None:
    second_champion(world)
    world.degraded(2)
    end_rollout(world, 2, "promoted")
    assert reasons_after_new_rows(world) == ["performance"]


def test_a_persons_request_that_is_refused_leaves_the_alarms_that_wait(world: Governor) -> None:
    world.first_model()
    world.later(days=1)
    world.degraded(1)
    (refused,) = world.send(kinds.TrainingRequested.type, {"model": "churn"})
    assert (refused.data["rule"], refused.data["refused"]) == ("dedupe", True)
    end_rollout(world, 2, "inconclusive")
    assert reasons_after_new_rows(world) == ["performance"]


def test_what_waits_beside_a_dropped_alarm_keeps_its_own_cause(world: Governor) -> None:
    world.first_model()
    world.drop(2, id_="rows")
    world.degraded(1)
    end_rollout(world, 2, "promoted")
    (approved,) = world.later(hours=6)
    assert (approved.data["reason"], approved.extensions["causationid"]) == ("dataset", "rows")


def test_of_the_alarms_that_wait_a_new_champion_drops_those_about_another(world: Governor) -> None:
    note(world, 1, versions.Fact.PROMOTED)
    world.first_model()
    world.degraded(1)
    note(world, 2, versions.Fact.PROMOTED)
    world.later(days=1)
    world.drifted(2)
    end_rollout(world, 2, "promoted")
    assert reasons_after_new_rows(world, rows=1000) == ["precautionary"]


def test_a_challengers_rollback_leaves_the_alarms_about_the_champion(world: Governor) -> None:
    second_champion(world)
    world.degraded(2)
    note(world, 3, versions.Fact.ROLLED_BACK)
    end_rollout(world, 3, "rolled_back")
    assert reasons_after_new_rows(world) == ["performance"]


def test_a_champions_rollback_drops_the_alarms_about_it(world: Governor) -> None:
    second_champion(world)
    world.degraded(2)
    note(world, 2, versions.Fact.ROLLED_BACK)
    end_rollout(world, 2, "rolled_back")
    assert reasons_after_new_rows(world) == []


def candidate(world: Governor) -> None:
    """Bring v1 before the gate, and ten minutes later another part."""
    world.drop(1)
    (approved,) = world.later(minutes=1)
    world.trained(approved)
    world.later(minutes=10)
    world.drop(2)


def late(world: Governor, type_: str, data: dict[str, Any], source: str = "/test", **ago: float) -> None:
    """Deliver what was said some time ago."""
    world.count += 1
    then = world.now - timedelta(**ago)
    world.deliver(originate(type_, source, "churn/v1", data, id_=f"late{world.count}", now=then))


def asked(world: Governor) -> str:
    """Return the rule that a person's request meets."""
    (answered,) = world.send(kinds.TrainingRequested.type, {"model": "churn"})
    return str(answered.data["rule"])


def test_an_approval_that_comes_after_its_rollouts_start_does_not_shorten_the_wait(world: Governor) -> None:
    candidate(world)
    world.send(kinds.RolloutStarted.type, SHADOW)
    late(world, kinds.ModelApproved.type, APPROVED, minutes=5)
    world.later(hours=2)
    assert asked(world) == "single-flight"


def test_the_gates_rejection_does_not_outdo_a_person_who_was_heard_before_it(world: Governor) -> None:
    candidate(world)
    world.send(kinds.ModelApproved.type, APPROVED)
    late(world, kinds.ModelRejected.type, V1 | {"rejected_by": "offline gate"}, GATE, minutes=5)
    assert asked(world) == "single-flight"


def test_a_rollout_shows_that_its_version_was_let_through(world: Governor) -> None:
    candidate(world)
    world.send(kinds.ModelRejected.type, V1 | {"rejected_by": "offline gate"})
    world.send(kinds.RolloutStarted.type, SHADOW)
    assert asked(world) == "single-flight"


def test_nothing_waits_for_the_verdict_on_a_version_whose_rollout_is_over(world: Governor) -> None:
    candidate(world)
    end_rollout(world, 1, "promoted")
    assert asked(world) == "manual"


def test_of_two_ends_of_a_versions_rollouts_the_last_by_the_facts_counts(world: Governor) -> None:
    candidate(world)
    note(world, 1, versions.Fact.PROMOTED)
    note(world, 1, versions.Fact.ROLLED_BACK)
    end_rollout(world, 1, "rolled_back")
    end_rollout(world, 1, "promoted")
    assert [run.rollout for run in world.runs()] == ["rolled_back"]
