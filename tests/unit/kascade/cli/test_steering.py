"""What people type to steer a model is sent as an event, and the answer is waited for."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from support.completions import completed_training

from eventing import catalogue as c
from eventing.event import Event, answer, originate
from functions.state import rollouts, specs, versions
from functions.state.database import transaction

if TYPE_CHECKING:
    from conftest import Desk

CLAIM = c.Claim(uri="s3://models/churn/v1/model.onnx", sha256="a" * 64)


def completed(outcome: str, version: int = 3, champion: int | None = 1) -> dict[str, Any]:
    return {
        "model": "churn",
        "version": version,
        "outcome": outcome,
        "champion_version": champion,
        "message": "as asked",
    }


def reply(type_: str, subject: str, data: dict[str, Any]) -> Callable[[Event], list[Event]]:
    return lambda event: [answer(event, type_, "/kascade/test", subject, data)]


def dead(error: str) -> Callable[[Event], list[Event]]:
    def die(event: Event) -> list[Event]:
        data = {
            "event_id": event.id,
            "event_type": event.type,
            "event_source": event.source,
            "destination": "http://roll-out-model",
            "code": 422,
            "error": error,
            "redrive": "POST /1",
        }
        return [answer(event, c.DeliveryFailed.type, "/kascade/record_events", event.subject or "", data)]

    return die


def stage(desk: Desk, **columns: Any) -> None:
    """Write what `/models` tells of churn's rollout."""
    with transaction(desk.sessions) as session:
        if not specs.models_with_spec(session):
            specs.add_spec(
                session,
                "churn",
                claim=CLAIM,
                digest="0" * 64,
                text="model: churn\ntarget: y\n",
                key="k",
                etag=None,
                now=datetime.now(UTC),
            )
        row = rollouts.lock_rollout(session, "churn")
        for name, value in columns.items():
            setattr(row, name, value)


def test_a_rollback_is_asked_for_and_its_end_is_shown(desk: Desk) -> None:
    desk.answer = reply(c.RolloutCompleted.type, "churn/v3", completed("rolled_back"))
    done = desk.type("rollback", "churn", "--by", "ann", "--comment", "complaints")
    assert done.exit_code == 0, done.output
    assert "v3 rolled back; v1 serves" in done.stdout
    (event,) = desk.sent
    assert (event.type, event.subject, event.source) == (c.RolloutRequested.type, "churn", "/kascade/cli")
    assert event.data == {
        "model": "churn",
        "action": "roll_back",
        "requested_by": "ann",
        "comment": "complaints",
    }


def test_a_retirement_is_waited_for_past_the_end_of_the_rollout_under_way(desk: Desk) -> None:
    ends = [("churn/v3", completed("inconclusive", 3, None)), ("churn/v2", completed("retired", 2, None))]
    desk.answer = lambda event: [
        answer(event, c.RolloutCompleted.type, "/kascade/test", subject, data) for subject, data in ends
    ]
    done = desk.type("retire", "churn", "--by", "ann", "--comment", "no longer sold")
    assert done.exit_code == 0, done.output
    assert "churn is retired; v2 served last" in done.stdout
    assert desk.sent[0].data["action"] == "retire"


def test_a_promotion_that_ends_otherwise_is_no_success(desk: Desk) -> None:
    desk.answer = reply(c.RolloutCompleted.type, "churn/v3", completed("inconclusive"))
    done = desk.type("promote", "churn", "v3")
    assert (done.exit_code, desk.sent[0].data["version"]) == (1, 3)
    assert "v3 inconclusive" in done.stdout


def test_the_end_of_a_rollout_in_another_chain_counts_only_if_it_is_later_and_as_asked(desk: Desk) -> None:
    now = datetime.now(UTC)

    def elsewhere(outcome: str, version: int, at: datetime) -> Event:
        return originate(
            c.RolloutCompleted.type, "/test", f"churn/v{version}", completed(outcome, version), now=at
        )

    desk.record(elsewhere("promoted", 1, now - timedelta(hours=1)))
    desk.answer = lambda event: [
        elsewhere("rolled_back", 2, now + timedelta(seconds=9)),
        elsewhere("promoted", 3, now + timedelta(seconds=9)),
    ]
    done = desk.type("promote", "churn")
    assert (done.exit_code, done.stdout.count("v3 promoted")) == (0, 2)
    assert "v1" not in done.stdout.replace("; v1 serves", "")


@pytest.mark.parametrize(
    "words",
    [
        ("rollback", "nosuch"),
        ("pause", "nosuch"),
        ("resume", "nosuch"),
        ("approve", "nosuch", "3"),
        ("retrain", "nosuch"),
    ],
)
def test_a_refusal_is_shown_with_its_reason(desk: Desk, words: tuple[str, ...]) -> None:
    desk.answer = dead(json.dumps({"error": "rejected", "problems": ["nosuch has no rollout under way"]}))
    done = desk.type(*words)
    assert done.exit_code == 1
    assert "refused: nosuch has no rollout under way" in done.stdout


def test_a_refusal_without_json_is_shown_as_it_is_and_another_events_is_not(desk: Desk) -> None:
    stranger = originate(c.TrainingRequested.type, "/me", "churn", {"model": "churn"})
    ours = dead("gone wrong")
    desk.answer = lambda event: [*dead("not ours")(stranger), *ours(event)]
    done = desk.type("retrain", "churn")
    assert "refused: gone wrong" in done.stdout
    assert "not ours" not in done.stdout


def test_a_pause_is_over_when_the_rollout_stands_paused(desk: Desk) -> None:
    stage(desk, version=3, phase="shadow")

    def pause(event: Event) -> list[Event]:
        stage(desk, paused=event.data["action"] == "pause")
        return []

    desk.answer = pause
    assert "the rollout of v3 is paused" in desk.type("pause", "churn").stdout
    assert "the rollout of v3 goes on" in desk.type("resume", "churn").stdout


def test_a_resumed_rollout_may_end_at_once(desk: Desk) -> None:
    stage(desk, version=3, phase="shadow", paused=True)

    def end(event: Event) -> list[Event]:
        stage(desk, version=None, paused=False)
        late = originate(
            c.RolloutCompleted.type, "/t", "churn/v3", completed("promoted"), now=datetime.now(UTC)
        )
        return [late]

    desk.answer = end
    done = desk.type("resume", "churn")
    assert (done.exit_code, "v3 promoted: as asked" in done.stdout) == (0, True)


def test_to_resume_what_is_not_paused_waits_for_the_refusal(desk: Desk) -> None:
    stage(desk, version=3, phase="shadow")
    desk.answer = dead("v3 is not paused")
    done = desk.type("resume", "churn")
    assert (done.exit_code, "refused: v3 is not paused" in done.stdout) == (1, True)


def test_an_approval_waits_for_its_rollout(desk: Desk) -> None:
    started = {"model": "churn", "version": 3, "phase": "shadow", "revision": "churn-v3"}
    desk.answer = reply(c.RolloutStarted.type, "churn/v3", started)
    done = desk.type("approve", "churn", "3", "--by", "ann")
    assert done.exit_code == 0, done.output
    assert "the rollout of v3 has begun (shadow)" in done.stdout
    event = desk.sent[0]
    assert (event.type, event.subject) == (c.ModelApproved.type, "churn/v3")
    assert event.data == {"model": "churn", "version": 3, "approved_by": "ann"}


def test_an_approval_may_wait_for_another_rollouts_end_or_be_under_way_already(desk: Desk) -> None:
    stage(desk, version=2, phase="canary", queued_version=3, started_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert (
        "v3 is approved and waits until v2's rollout has ended" in desk.type("approve", "churn", "3").stdout
    )
    assert "the rollout of v2 is under way since 2026-" in desk.type("approve", "churn", "2").stdout


def test_a_rejection_is_over_when_it_is_among_the_versions_facts(desk: Desk) -> None:
    stage(desk)
    done = completed_training(3)
    with transaction(desk.sessions) as session:
        versions.register(session, done, "e", datetime.now(UTC))

    def note(event: Event) -> list[Event]:
        with transaction(desk.sessions) as session:
            fact = versions.Fact.REJECTED
            versions.record_fact(session, "churn", 3, fact, event.id, datetime.now(UTC))
        return []

    desk.answer = note
    typed = desk.type("reject", "churn", "v3", "--comment", "not in spring")
    assert "v3 is rejected" in typed.stdout
    assert desk.sent[0].data["message"] == "not in spring"


def test_no_answer_in_time_is_a_failure_that_says_how_to_look_later(desk: Desk) -> None:
    done = desk.type("retrain", "churn", "--timeout", "1")
    assert done.exit_code == 1
    assert "no answer within 1 s; it may still come: kascade models churn" in done.stdout


def test_who_does_not_wait_gets_the_events_id(desk: Desk) -> None:
    done = desk.type("pause", "churn", "--no-wait")
    assert (done.exit_code, done.stdout.strip()) == (0, desk.sent[0].id)


@pytest.mark.parametrize(
    "words",
    [("approve", "churn", "three"), ("rollback", "No Such"), ("label", "churn"), ("label", "churn", "x")],
)
def test_what_cannot_be_meant_is_not_sent(desk: Desk, words: tuple[str, ...]) -> None:
    assert desk.type(*words).exit_code == 2
    assert desk.sent == []
