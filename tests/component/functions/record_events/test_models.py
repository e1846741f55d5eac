"""What /models says of models that wait, run, and serve."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from eventing.catalogue import Claim, TrainingCompleted
from functions.state import governor, runs, specs, versions
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


def test_versions_facts_breaker_budget_and_waiting_triggers_are_told(recorder: Recorder) -> None:
    now = recorder.now[0]
    with transaction(recorder.sessions) as session:
        add_spec(session, recorder.now[0])
        for version, facts in (
            (1, ["approved", "promoted"]),
            (2, ["rejected"]),
            (3, ["approved", "rolled_back"]),
        ):
            completed = TrainingCompleted(
                model="churn", version=version, run_id=f"churn-v{version}", candidate=CLAIM, card=CLAIM,
                holdout=CLAIM, reference=CLAIM, metrics={"roc_auc": 0.9}, dataset_digest=DIGEST,
                config_digest=DIGEST, code_digest=DIGEST, train_rows=80, seconds=1,
            )  # fmt: skip
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
    assert told["waiting"] == ["dataset", "drift"]
    assert told["dataset"] == {"parts": 3, "rows": 300}
    assert [one["version"] for one in told["runs"]] == [1, 2, 3, 4]
