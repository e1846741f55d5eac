"""What /models says of models that wait, run, and serve."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session
from support.completions import completed_training

from eventing import catalogue as kinds
from eventing.catalogue import Claim, FeedbackJoined, TrainingProgressed
from eventing.event import originate
from eventing.testing import build_event
from functions.state import drift, governor, judges, labels, ledger, rollouts, runs, specs, timers, versions
from functions.state.database import transaction

if TYPE_CHECKING:
    from conftest import Recorder

CLAIM = Claim(uri="s3://models/churn/v1/model.onnx", sha256="a" * 64)
DIGEST = "0" * 64


def add_spec(session: Session, now: datetime) -> None:
    text = "model: churn\ntarget: y\n"
    specs.add_spec(session, "churn", claim=CLAIM, digest=DIGEST, text=text, key="k", etag=None, now=now)


def run(recorder: Recorder, version: int, **columns: object) -> runs.TrainingRun:
    now = recorder.now[0]
    plain = {
        "model": "churn",
        "version": version,
        "run_id": f"churn-v{version}",
        "reason": "dataset",
        "automatic": True,
        "cause_id": "c",
        "correlation_id": "c",
        **dict.fromkeys(("dataset_digest", "config_digest", "code_digest"), DIGEST),
        "rows": 100,
        "approved_at": now - timedelta(hours=1),
        "lease_until": now + timedelta(hours=1),
    }
    return runs.TrainingRun(**{**plain, **columns})


def test_nothing_is_known_of_nothing(recorder: Recorder) -> None:
    assert recorder.get("/models") == {"models": []}


def test_a_model_with_a_spec_and_no_data_is_listed(recorder: Recorder) -> None:
    with transaction(recorder.sessions) as session:
        add_spec(session, recorder.now[0])
    (model,) = recorder.get("/models")["models"]
    assert (model["model"], model["champion"], model["versions"]) == ("churn", None, [])
    assert model["governor"]["budget"] == {"used": 0, "limit": 4}


def test_a_spec_that_cannot_be_read_is_named_and_takes_no_other_model_down(recorder: Recorder) -> None:
    now = recorder.now[0]
    with transaction(recorder.sessions) as session:
        add_spec(session, now)
        text = "target: y\nno_longer_a_key: 1\n"
        specs.add_spec(session, "old", claim=CLAIM, digest=DIGEST, text=text, key="k", etag=None, now=now)
        session.add(run(recorder, 1, model="old"))
    churn, old = recorder.get("/models")["models"]
    assert (churn["spec_error"], churn["governor"]["budget"]) == (None, {"used": 0, "limit": 4})
    assert "no_longer_a_key" in old["spec_error"]
    assert old["governor"]["running"] == "churn-v1"


def test_versions_facts_breaker_budget_and_waiting_triggers_are_told(recorder: Recorder) -> None:
    now = recorder.now[0]
    with transaction(recorder.sessions) as session:
        add_spec(session, recorder.now[0])
        for version, facts in (
            (1, ["approved", "promoted"]),
            (2, ["rejected"]),
            (3, ["approved", "rolled_back"]),
        ):
            completed = completed_training(version, metrics={"roc_auc": 0.9}, train_rows=80)
            versions.register(session, completed, f"done{version}", now)
            for fact in facts:
                versions.record_fact(session, "churn", version, versions.Fact(fact), f"{fact}{version}", now)
        ended = {"ended_at": now, "outcome": "completed"}
        session.add_all(
            [
                run(recorder, 1, **ended, verdict="approved", rollout="promoted"),
                run(recorder, 2, **ended, verdict="rejected"),
                run(recorder, 3, **ended, verdict="approved", rollout="rolled_back", automatic=False),
                run(recorder, 4),
            ]
        )
        row = governor.lock_model(session, "churn")
        row.pending_reasons, row.dataset_parts, row.dataset_rows = "dataset,drift", 3, 300
    (model,) = recorder.get("/models")["models"]
    assert model["champion"] == 1
    assert [(one["version"], one["state"]) for one in model["versions"]] == [
        (1, "champion"),
        (2, "rejected"),
        (3, "rolled_back"),
    ]
    assert [fact["fact"] for fact in model["versions"][0]["facts"]] == ["registered", "approved", "promoted"]
    told = model["governor"]
    assert told["breaker"] == {"refused_in_a_row": 2, "limit": 2, "open": True}
    assert told["budget"] == {"used": 3, "limit": 4}
    assert told["running"] == "churn-v4"
    assert [one["version"] for one in told["training"]] == [4]
    assert told["waiting"] == ["dataset", "drift"]
    assert told["dataset"] == {"parts": 3, "rows": 300}
    assert [one["version"] for one in told["runs"]] == [1, 2, 3, 4]


@pytest.mark.case("I", "kascade models says how far a training is")
def test_a_run_under_way_says_its_step_and_one_that_has_not_begun_its_place(recorder: Recorder) -> None:
    now = recorder.now[0]
    with transaction(recorder.sessions) as session:
        add_spec(session, now)
        first, second = run(recorder, 1), run(recorder, 2)
        first.started_at, first.approved_at = now, now - timedelta(hours=2)
        session.add_all([first, second])
    numbers = {"attempt": "a", "step": "experiment", "number": 4, "steps": 8, "seconds": 9.0}
    told = {"model": "churn", "version": 1, "run_id": "churn-v1"} | numbers
    recorder.record(build_event(TrainingProgressed.type, told, id_="p1", subject="churn/v1"))
    (model,) = recorder.get("/models")["models"]
    begun, waits = model["governor"]["training"]
    assert (begun["step"], begun["number"], begun["steps"], begun["ahead"]) == ("experiment", 4, 8, 0)
    assert (waits["since"], waits["ahead"], waits["step"]) == (None, 1, None)


def test_a_model_without_rollout_labels_or_drift_says_so(recorder: Recorder) -> None:
    with transaction(recorder.sessions) as session:
        add_spec(session, recorder.now[0])
        rollouts.lock_rollout(session, "churn")
        judges.lock_judge(session, "churn")
    (model,) = recorder.get("/models")["models"]
    assert [model[name] for name in ("rollout", "judge", "feedback", "drift")] == [None] * 4
    assert model["governor"]["until"] is None


def test_a_rollout_under_way_is_told_with_the_judges_wealth(recorder: Recorder) -> None:
    now = recorder.now[0]
    with transaction(recorder.sessions) as session:
        add_spec(session, now)
        row = rollouts.lock_rollout(session, "churn")
        row.version, row.champion_version, row.phase, row.started_at = 3, 1, "canary", now
        row.paused, row.held, row.queued_version = True, "{}", 4
        judge = judges.lock_judge(session, "churn")
        judge.version, judge.phase, judge.policy = 3, "canary", {"alpha": 0.05, "canary_percent": 20}
        judge.state = {
            "better": {"n": 41, "wealth": 3.5},
            "worse": {"n": 41, "wealth": 0.25},
            "coverage": {"champion_matured": 10, "champion_labelled": 5, "challenger_matured": 0},
        }
    (model,) = recorder.get("/models")["models"]
    assert model["rollout"] == {
        "version": 3,
        "champion_version": 1,
        "phase": "canary",
        "percent": 20,
        "reason": None,
        "since": now.isoformat(),
        "paused": True,
        "held": True,
        "queued_version": 4,
    }
    judge = model["judge"]
    assert (judge["labels"], judge["wealth_worse"], judge["wealth_better"]) == (41, 0.25, 3.5)
    assert (judge["threshold"], judge["coverage_champion"], judge["coverage_challenger"]) == (20, 0.5, None)


def test_the_share_of_a_canary_without_a_judge_is_that_of_the_spec(recorder: Recorder) -> None:
    with transaction(recorder.sessions) as session:
        add_spec(session, recorder.now[0])
        row = rollouts.lock_rollout(session, "churn")
        row.version, row.phase = 2, "canary"
    assert recorder.get("/models")["models"][0]["rollout"]["percent"] == 10


def test_label_coverage_harm_drift_and_what_the_governor_waits_for_are_told(recorder: Recorder) -> None:
    now = recorder.now[0]
    version = {"version": 1, "predictions": 9, "matured": 8, "labelled": 6, "mean_loss": 0.1}
    with transaction(recorder.sessions) as session:
        add_spec(session, now)
        versions.record_fact(session, "churn", 1, versions.Fact.PROMOTED, "p", now)
        waiting = {"label_id": "l", "value": 1, "prediction_id": "p", "entity": None, "time": None}
        labels.add_waiting(session, "churn", [waiting], received_at=now)
        feedback = labels.lock_feedback(session, "churn")
        feedback.joined_through, feedback.harm_version = now, 1
        feedback.harm = {"sums": [1.0, 2.0, 3.0, 6.0], "n": 6, "crossed": None}
        feedback.lag_s = 1.5
        feedback.fates = {
            "since": "2026-03-02T00:00:00Z",
            "counts": {"joined": 4, "late": 1},
            "before_since": "2026-03-01T00:00:00Z",
            "before": {"joined": 2},
        }
        for joined in (1, 2):
            data = {
                "model": "churn",
                "through": now.isoformat(),
                "joined": joined,
                "versions": [version] * joined,
            }
            ledger.append(session, build_event(FeedbackJoined.type, data, id_=f"j{joined}"), now)
        for event_id in ("w1", "w2"):
            checked = drift.number_check(
                session, "churn", 1, source="/s", event_id=event_id, of="inferences", at=now
            )
            checked.status, checked.rows = "stable", 500
        timers.set_timer(session, "govern_training", "churn/pending", now + timedelta(minutes=1))
    (model,) = recorder.get("/models")["models"]
    told = model["feedback"]
    assert (told["through"], told["waiting"], told["versions"]) == (now.isoformat(), 1, [version] * 2)
    assert (told["oldest"], told["lag_s"]) == (now.isoformat(), 1.5)
    assert told["fates"] == {"since": "2026-03-01T00:00:00Z", "joined": 6, "late": 1}
    assert told["harm"] == {"version": 1, "labels": 6, "statistic": 3.0, "alarmed_at": None}
    assert model["drift"] == {
        "check": 2,
        "of": "inferences",
        "status": "stable",
        "rows": 500,
        "at": now.isoformat(),
    }
    assert model["governor"]["until"] == (now + timedelta(minutes=1)).isoformat()


def test_a_retired_model_is_told_with_who_asked_and_why(recorder: Recorder) -> None:
    now = recorder.now[0]
    with transaction(recorder.sessions) as session:
        add_spec(session, now)
        versions.record_fact(session, "churn", 1, versions.Fact.PROMOTED, "p", now)
    assert recorder.get("/models")["models"][0]["retired"] is None
    with transaction(recorder.sessions) as session:
        versions.record_fact(session, "churn", 1, versions.Fact.RETIRED, "r", now)
    told = {"version": 1, "at": now.isoformat(), "message": None}
    assert recorder.get("/models")["models"][0]["retired"] == told
    ended = kinds.RolloutCompleted(
        model="churn", version=1, outcome=kinds.RolloutOutcome.RETIRED, message="asked for by ann"
    )
    recorder.record(originate(kinds.RolloutCompleted.type, "/r", "churn/v1", ended, now=now))
    found = recorder.get("/models")["models"][0]
    assert found["retired"] == {**told, "message": "asked for by ann"}
    assert found["champion"] is None
