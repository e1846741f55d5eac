"""What people type to steer a model is sent as an event, and the answer is waited for."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from eventing import catalogue as c
from eventing.event import Event, answer, originate
from eventing.store import MemoryStore, S3Store
from functions.state import rollouts, specs, versions
from functions.state.database import transaction

if TYPE_CHECKING:
    from pathlib import Path

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
    done = c.TrainingCompleted(
        model="churn",
        version=3,
        run_id="r",
        candidate=CLAIM,
        card=CLAIM,
        holdout=CLAIM,
        reference=CLAIM,
        metrics={},
        dataset_digest="0" * 64,
        config_digest="0" * 64,
        code_digest="0" * 64,
        train_rows=1,
        seconds=1,
    )
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


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        ({"rule": "dedupe", "refused": True, "message": "same data"}, 1, "refused by the rule dedupe: same"),
        (
            {"rule": "single-flight", "refused": False, "message": "busy", "until": "2026-01-02T03:04:05Z"},
            0,
            "it waits until 2026-01-0",
        ),
    ],
)
def test_the_governors_answer_to_a_person_is_shown(
    desk: Desk, data: dict[str, Any], code: int, words: str
) -> None:
    desk.answer = reply(c.TrainingDeferred.type, "churn", {"model": "churn", "reason": "manual", **data})
    done = desk.type("retrain", "churn")
    assert (done.exit_code, words in done.stdout) == (code, True)


TRAINED = {"model": "churn", "version": 4}


@pytest.mark.parametrize(
    ("type_", "data", "code", "words"),
    [
        (c.ModelApproved.type, {"approved_by": "offline gate"}, 0, "v4 is trained, and approved by offline"),
        (
            c.ModelRejected.type,
            {"rejected_by": "offline gate", "message": "min: too bad"},
            1,
            "rejected by offline gate: min: too bad; `kascade approve churn 4`",
        ),
        (
            c.TrainingFailed.type,
            {"run_id": "r", "step": "check", "error": "one class", "fix": "drop another"},
            1,
            "the training of v4 failed: one class; drop another",
        ),
    ],
)
def test_a_run_is_followed_to_the_gates_verdict(
    desk: Desk, type_: str, data: dict[str, Any], code: int, words: str
) -> None:
    run = {"run_id": "churn-v4-1", "reason": "manual", "rule": "manual"}
    desk.answer = lambda event: [
        answer(event, c.TrainingApproved.type, "/g", "churn/v4", TRAINED | run),
        answer(event, type_, "/g", "churn/v4", TRAINED | data),
    ]
    done = desk.type("retrain", "churn")
    assert done.exit_code == code, done.output
    assert "v4, because of manual (manual)" in done.stdout
    assert words in done.stdout


def test_a_person_may_force_a_training(desk: Desk) -> None:
    desk.type("retrain", "churn", "--force", "--no-wait")
    assert desk.sent[0].data["force"] is True


def test_no_answer_in_time_is_a_failure_that_says_how_to_look_later(desk: Desk) -> None:
    done = desk.type("retrain", "churn", "--timeout", "1")
    assert done.exit_code == 1
    assert "no answer within 1 s; it may still come: kascade models churn" in done.stdout


def test_who_does_not_wait_gets_the_events_id(desk: Desk) -> None:
    done = desk.type("pause", "churn", "--no-wait")
    assert (done.exit_code, done.stdout.strip()) == (0, desk.sent[0].id)


def test_how_it_ended_comes_out_as_one_line_of_json(desk: Desk) -> None:
    desk.answer = reply(c.ModelApproved.type, "churn/v4", TRAINED | {"approved_by": "offline gate"})
    done = desk.type("retrain", "churn", "--json")
    told = {"id": desk.sent[0].id, "ok": True, "message": "v4 is trained, and approved by offline gate"}
    assert (done.exit_code, json.loads(done.stdout)) == (0, told)
    sent = desk.type("pause", "churn", "--no-wait", "--json")
    assert json.loads(sent.stdout) == {"id": desk.sent[1].id}


@pytest.mark.parametrize(
    "words",
    [("approve", "churn", "three"), ("rollback", "No Such"), ("label", "churn"), ("label", "churn", "x")],
)
def test_what_cannot_be_meant_is_not_sent(desk: Desk, words: tuple[str, ...]) -> None:
    assert desk.type(*words).exit_code == 2
    assert desk.sent == []


@pytest.mark.parametrize(
    ("words", "value"),
    [(("7",), 7), (("7", "--text"), "7"), (("yes",), "yes"), (("true",), True), (("[1]",), "[1]")],
)
def test_a_label_is_sent_with_its_prediction(desk: Desk, words: tuple[str, ...], value: object) -> None:
    done = desk.type("label", "churn", "019a", *words, "--no-wait")
    assert done.exit_code == 0, done.output
    (event,) = desk.sent
    assert (event.type, event.subject) == (c.FeedbackReceived.type, "churn")
    assert event.data == {"model": "churn", "prediction_id": "019a", "label": value}


def test_a_file_of_labels_is_dropped_where_labels_are_looked_for(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore("feedback")
    monkeypatch.setattr(S3Store, "from_env", lambda env: store)
    file = tmp_path / "labels.csv"
    file.write_text("prediction_id,label\n019a,yes\n")
    told = desk.type("label", "churn", "--file", str(file), "--no-wait", "--json").stdout
    assert json.loads(told) == {"uri": "s3://feedback/churn/labels.csv"}
    done = desk.type("label", "churn", "--file", str(file), "--no-wait")
    assert done.stdout.strip() == "s3://feedback/churn/labels.csv"
    assert store.get("s3://feedback/churn/labels.csv") == file.read_bytes()
    assert desk.type("label", "churn", "019a", "yes", "--file", str(file)).exit_code == 2
