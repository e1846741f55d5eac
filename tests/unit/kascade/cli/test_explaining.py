"""Why something happened, as a tree with the numbers that decided and the links to the artefacts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.completions import completed_training

from eventing import catalogue as c
from eventing.event import answer
from eventing.testing import build_event
from functions.state import rollouts, specs, versions
from functions.state.database import transaction
from kascade.rendering.evidence import evidence

if TYPE_CHECKING:
    from conftest import Desk

CLAIM = {"uri": "s3://models/churn/v2/card.json", "sha256": "a" * 64}
PREDICTION = "019a2b3c-0000-7000-8000-000000000001"
VERDICT = {
    "rule": "passed",
    "message": "auc 0.91 against 0.9 of v1",
    "metric": "roc_auc",
    "value": 0.91,
    "minimum": 0.75,
    "champion_version": 1,
    "champion_value": 0.9,
    "interval_low": -0.002,
    "interval_high": 0.031,
    "rows": 812,
    "slices": [
        {"column": "country", "value": "DE", "passed": True},
        {"column": "country", "value": "FR", "passed": False},
    ],
}
DECIDED = {
    "outcome": "promoted",
    "reason": "evidence",
    "phase": "shadow",
    "version": 2,
    "message": "not worse",
    "labels": 419,
    "difference": -0.02,
    "alpha": 0.05,
    "margin": 0.01,
    "wealth_worse": 0.03,
    "wealth_better": 21.7,
    "threshold": 20,
    "coverage_champion": 0.8,
    "coverage_challenger": 0.79,
    "repeats": 4,
}
DRIFT = {
    "version": 2,
    "of": "inferences",
    "window": 3,
    "status": "drifted",
    "detector": "tabular",
    "rows": 500,
    "reference_rows": 1000,
    "alpha": 0.05,
    "alpha_spent": 0.0034,
    "min_effect": 0.1,
    "tests": 12,
    "features": [
        {
            "feature": "amount",
            "method": "ks",
            "statistic": 0.4,
            "p_value_corrected": 1.5e-9,
            "effect": 0.5,
            "effect_name": "wasserstein",
            "drifted": True,
        }
    ],
    "report": {"uri": "s3://reports/churn/v2/drift-3.json"},
    "page_uri": "s3://reports/churn/v2/drift-3.html",
}
LINES = [
    (
        c.ModelApproved.type,
        {"verdict": VERDICT},
        "roc_auc 0.91 against 0.9 of v1, difference within [-0.002, 0.031]",
    ),
    (c.ModelRejected.type, {"verdict": VERDICT}, "gate.min 0.75, 812 rows"),
    (c.ModelApprovalRequested.type, {"verdict": VERDICT}, "1 of 2 slices pass; not country=FR"),
    (c.RolloutDecided.type, DECIDED, "419 labels, mean difference of loss -0.02, alpha 0.05, margin 0.01"),
    (c.RolloutDecided.type, DECIDED, "wealth of worse 0.03, of better 21.7, decided at 20"),
    (c.RolloutDecided.type, DECIDED, "labelled: champion 80 %, challenger 79 %; 4 repeats left out"),
    (c.DriftDetected.type, DRIFT, "check 3: 500 rows of inferences against 1000"),
    (c.DriftDetected.type, DRIFT, "amount (ks): corrected p 1.5e-09, wasserstein 0.5, drifted"),
    (c.DriftChecked.type, DRIFT, "page s3://reports/churn/v2/drift-3.html"),
    (
        c.TrainingApproved.type,
        {"run_id": "r", "rule": "harm", "spec": CLAIM, "champion_version": 1},
        "rule harm, champion v1",
    ),
    (
        c.TrainingCompleted.type,
        {
            "train_rows": 500,
            "metrics": {},
            "candidate": CLAIM,
            "card": CLAIM,
            "window": {
                "rows": 500,
                "of": 2_200,
                "reason": "clearly better",
                "tried": [{"rows": 2_200, "loss": 0.9}, {"rows": 500, "loss": 0.125}],
            },
        },
        "newest 500 of 2200 rows: clearly better; loss by window: 2200 rows 0.9, 500 rows 0.125",
    ),
    (
        c.PerformanceDegraded.type,
        {"statistic": 5123.0, "threshold": 5000, "baseline": 0.12, "mean_loss": 0.31, "labels": 88},
        "statistic 5,123 of 5,000 after 88 labels; mean loss 0.31, baseline 0.12",
    ),
    (
        c.DatasetIngested.type,
        {"part": CLAIM, "dataset": CLAIM, "parts": 2, "quarantine_uri": "s3://quarantine/churn/x/"},
        "quarantined rows s3://quarantine/churn/x/",
    ),
    (
        c.DeliveryFailed.type,
        {"destination": "http://x", "code": 422, "error": "no", "redrive": "POST /dead-letters/1/redrive"},
        "redrive: POST /dead-letters/1/redrive",
    ),
]


@pytest.mark.parametrize(("type_", "data", "words"), LINES)
def test_the_numbers_that_decided_are_told(type_: str, data: dict[str, Any], words: str) -> None:
    assert words in "\n".join(evidence({"type": type_, "data": data}))


def test_a_look_that_found_drift_leaves_its_numbers_to_the_alarm_beside_it() -> None:
    assert not any("corrected p" in line for line in evidence({"type": c.DriftChecked.type, "data": DRIFT}))
    stable = {**DRIFT, "status": "stable"}
    assert any("corrected p" in line for line in evidence({"type": c.DriftChecked.type, "data": stable}))


@pytest.mark.parametrize("type_", sorted(c.PAYLOADS))
def test_a_payload_of_an_unexpected_shape_never_breaks_an_explanation(type_: str) -> None:
    @given(st.none() | st.dictionaries(st.text(), st.none() | st.integers() | st.lists(st.text())))
    def show(data: object) -> None:
        assert all(isinstance(line, str) for line in evidence({"type": type_, "data": data}))

    show()


def history(desk: Desk) -> None:
    """Record how v1 drifted and v2 came to be."""
    about = "churn/v1"
    closed = build_event(c.WindowClosed.type, {}, subject=about, id_="w9")
    detected = answer(closed, c.DriftDetected.type, "/d", about, DRIFT)
    run = {"version": 2, "reason": "drift", "rule": "enough-rows", "run_id": "r", "spec": CLAIM}
    approved = answer(detected, c.TrainingApproved.type, "/g", "churn/v2", run)
    passed = answer(
        approved,
        c.ModelApproved.type,
        "/e",
        "churn/v2",
        {"version": 2, "approved_by": "gate", "verdict": VERDICT},
    )
    desk.record(closed, detected, approved, passed)
    desk.record(*(build_event(c.WindowClosed.type, {}, subject=about, id_=f"x{n}") for n in range(40)))


def test_a_version_is_told_from_its_cause_to_its_numbers(desk: Desk) -> None:
    history(desk)
    done = desk.type("explain", "churn/v2")
    assert done.exit_code == 0, done.output
    steps = [
        "window.closed",
        "drift.detected",
        "amount (ks)",
        "training.approved",
        "model.approved",
        "roc_auc 0.91",
    ]
    places = [done.stdout.index(step) for step in steps]
    assert places == sorted(places)
    assert "kascade explain" not in done.stdout


def test_the_version_that_followed_is_named_and_what_repeats_is_counted(desk: Desk) -> None:
    history(desk)
    told = desk.type("explain", "churn/v1").stdout
    assert "… its story: kascade explain churn/v2" in told
    assert "… 40 more window.closed" in told
    assert "model.approved" not in told


def test_a_prediction_is_shown_with_its_label_and_the_story_of_the_version_that_made_it(desk: Desk) -> None:
    history(desk)
    row = {
        "model": "churn",
        "version": 2,
        "shadow": False,
        "at": "2026-01-02T03:04:05Z",
        "predicted": "yes",
        "probabilities": [0.25, 0.75],
        "inputs": {"amount": 12.5},
        "label": "no",
        "latency_ms": 1.5,
        "batch": {"event_id": "b", "uri": "s3://inferences/churn/b.parquet", "window": None},
    }
    shadow = {**row, "version": 3, "shadow": True, "predicted": None, "predicted_number": 7.0, "label": None}
    desk.predictions[PREDICTION] = {"prediction_id": PREDICTION, "rows": [shadow, row]}
    told = desk.type("explain", PREDICTION).stdout
    for words in (
        "churn/v2 served at",
        ": yes",
        "label no",
        "amount=12.5",
        "churn/v3 in the shadow",
        ": 7",
        "no label yet",
        "s3://inferences/churn/b.parquet",
        "model.approved",
    ):
        assert words in told
    found = json.loads(desk.type("explain", PREDICTION, "--json").stdout)
    assert (found["reference"], found["prediction"]["rows"][1]["label"]) == ("churn/v2", "no")


def test_an_event_whose_id_looks_like_a_predictions_is_explained_as_an_event(desk: Desk) -> None:
    desk.record(build_event("com.example.step", id_=PREDICTION))
    assert "com.example.step" in desk.type("explain", PREDICTION).stdout


def test_in_a_file_no_line_is_cut_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    history(desk)
    lines = [line.rstrip() for line in desk.type("explain", "churn/v1").stdout.splitlines()]
    assert any(line.endswith("s3://reports/churn/v2/drift-3.html") for line in lines)
    assert any(line.endswith("min_effect 0.1") for line in lines)


def test_what_does_not_fit_is_said(desk: Desk) -> None:
    root = build_event("com.example.root", id_="root")
    desk.record(root, *(answer(root, f"com.example.n{n}", "/s", "s", {}) for n in range(505)))
    assert "… 6 more events do not fit" in desk.type("explain", "root").stdout


def test_models_are_listed_with_what_goes_on(desk: Desk) -> None:
    assert "no model yet" in desk.type("models").stdout
    now = datetime.now(UTC)
    claim = c.Claim(uri="s3://models/churn/v1/model.onnx", sha256="a" * 64)
    with transaction(desk.sessions) as session:
        text = "model: churn\ntarget: y\n"
        specs.add_spec(session, "churn", claim=claim, digest="0" * 64, text=text, key="k", etag=None, now=now)
        done = completed_training(
            metrics={"roc_auc": 0.91234},
            train_rows=800,
            window={"rows": 800, "of": 4_100, "newest": 266, "reason": "clearly better", "tried": []},
        )
        versions.register(session, done, "e", now)
        versions.record_fact(session, "churn", 1, versions.Fact.PROMOTED, "p", now)
        row = rollouts.lock_rollout(session, "churn")
        row.version, row.champion_version, row.phase, row.paused = 2, 1, "canary", True
    told = desk.type("models").stdout
    assert "v1         champion    roc_auc 0.9123    800 of 4100 rows" in told
    assert "rollout   v2 canary with 10 % of the requests beside v1, PAUSED" in told
    assert "breaker closed (0 of 2 refused in a row); 0 of 4 automatic runs used" in told
    assert json.loads(desk.type("models", "churn", "--json").stdout)["champion"] == 1
    unknown = desk.type("models", "other")
    assert (unknown.exit_code, "no such model" in unknown.stdout) == (1, True)


def test_events_as_json_are_whole_so_that_they_can_be_replayed(desk: Desk) -> None:
    desk.record(build_event("com.example.big", {"text": "x" * 20_000}, id_="big"))
    (row,) = map(json.loads, desk.type("events", "--json").stdout.splitlines())
    assert len(row["event"]["data"]["text"]) == 20_000
    assert {"seq", "recorded_at"} <= set(row)
