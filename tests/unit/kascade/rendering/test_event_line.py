"""An event as one line for a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from eventing import catalogue as c
from eventing.catalogue import PAYLOADS, DatasetRejected, TrainingApproved
from eventing.words.numbers import number
from kascade.rendering.event_line import event_line

json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_a_line_says_when_what_about_what_and_why() -> None:
    line = event_line(
        {
            "type": TrainingApproved.type,
            "subject": "churn",
            "time": "2026-01-02T03:04:05.678Z",
            "data": {"version": 3, "reason": "dataset"},
        }
    )
    plain = Text.from_markup(line).plain
    assert "05.678" in plain
    assert "training.approved" in plain
    assert "churn" in plain
    assert "v3, because of dataset" in plain


def test_a_refusal_shows_its_first_problem_and_how_many_more() -> None:
    problems = [{"where": "line 2", "problem": "is ragged"}, {"where": "line 3", "problem": "too"}]
    line = event_line({"type": DatasetRejected.type, "data": {"reason": "bad rows", "problems": problems}})
    assert "bad rows: line 2: is ragged (+1 more)" in line


@pytest.mark.parametrize("type_", sorted(PAYLOADS))
def test_a_payload_of_an_unexpected_shape_never_breaks_the_list(type_: str) -> None:
    @given(json_values)
    def show(data: object) -> None:
        line = event_line({"type": type_, "subject": "[/red] [bold", "time": None, "data": data})
        assert "[/red] [bold" in Text.from_markup(line).plain

    show()


DRIFT = {
    "version": 2,
    "of": "inferences",
    "window": 3,
    "status": "drifted",
    "rows": 500,
    "strong": True,
    "features": [
        {"feature": "age", "statistic": 0.1, "p_value_corrected": 1.0, "effect": 0.9, "drifted": False},
        {"feature": "amount", "statistic": 0.4, "p_value_corrected": 1.5e-9, "effect": 0.5, "drifted": True},
    ],
}
DECIDED = {
    "version": 2,
    "phase": "shadow",
    "outcome": "promoted",
    "reason": "evidence",
    "labels": 419,
    "wealth_worse": 0.0312,
    "wealth_better": 21.7,
    "threshold": 20.0,
}
STEP = {"version": 2, "champion_version": 1, "revision": "churn-v2"}
LINES = [
    (c.RolloutStarted.type, {**STEP, "phase": "shadow", "percent": 0}, "v2 shadow beside v1 as churn-v2"),
    (c.RolloutAdvanced.type, {**STEP, "phase": "canary", "percent": 10}, "v2 canary with 10 % beside v1"),
    (
        c.RolloutDecided.type,
        DECIDED,
        "v2 promoted in shadow by evidence after 419 labels: worse 0.0312, better 21.7 of 20",
    ),
    (
        c.RolloutRequested.type,
        {"action": "roll_back", "requested_by": "ann", "comment": "slow"},
        "roll back, by ann: slow",
    ),
    (
        c.RolloutCompleted.type,
        {"version": 2, "outcome": "rolled_back", "message": "worse"},
        "v2 rolled_back: worse",
    ),
    (
        c.DriftChecked.type,
        {**DRIFT, "strong": False},
        "check 3 of inferences: drifted; most in amount: p 1.5e-09, effect 0.5",
    ),
    (c.DriftDetected.type, DRIFT, "drifted, strong; most in amount"),
    (
        c.DriftChecked.type,
        {**DRIFT, "status": "insufficient", "features": [], "strong": False},
        "insufficient, 500 rows",
    ),
    (
        c.FeedbackJoined.type,
        {
            "joined": 120,
            "duplicate": 2,
            "late": 0,
            "through": "2026-01-02T03:04:05Z",
            "versions": [{"version": 1, "predictions": 200, "matured": 160, "labelled": 120}],
        },
        "120 joined, 2 duplicate, v1 75 % of 160 labelled, through",
    ),
    (
        c.PerformanceDegraded.type,
        {
            "version": 1,
            "statistic": 5123.4,
            "threshold": 5000.0,
            "baseline": 0.12,
            "mean_loss": 0.31,
            "labels": 88,
        },
        "v1 loses 31 %, promised at most 12 %: statistic 5,123 of 5,000 after 88 labels",
    ),
    (c.WindowClosed.type, {"version": 1, "window": 4, "rows": 512}, "window 4 of v1: 512 predictions"),
    (
        c.TrainingDeferred.type,
        {"rule": "breaker", "message": "stop", "refused": True},
        "refused (breaker): stop",
    ),
    (
        c.TrainingDeferred.type,
        {"rule": "cooldown", "message": "m", "until": "2026-01-02T03:04:05Z"},
        "waits until 2026-01-02",
    ),
    (c.ModelApprovalRequested.type, {"version": 3, "verdict": {"message": "auc 0.9"}}, "v3: auc 0.9"),
    (
        c.DeliveryFailed.type,
        {
            "event_type": c.RolloutRequested.type,
            "destination": "http://127.0.0.1:1/-/services/kascade/roll-out-model",
            "error": '{"error": "rejected", "problems": ["nothing is rolled out"]}',
        },
        "rollout.requested to roll-out-model: nothing is rolled out",
    ),
    (c.FeedbackReceived.type, {"label": "yes", "prediction_id": "018f"}, "yes for 018f"),
]


@pytest.mark.parametrize(("type_", "data", "words"), LINES)
def test_what_decided_stands_in_the_line(type_: str, data: dict[str, object], words: str) -> None:
    line = Text.from_markup(event_line({"type": type_, "subject": "churn/v2", "data": data})).plain
    assert words in line


@pytest.mark.parametrize(
    ("type_", "data", "colour"),
    [
        (c.RolloutDecided.type, DECIDED, "[green]"),
        (c.RolloutDecided.type, {**DECIDED, "outcome": "rolled_back"}, "[red]"),
        (c.RolloutDecided.type, {**DECIDED, "outcome": "inconclusive"}, "[yellow]"),
        (c.DriftDetected.type, DRIFT, "[yellow]"),
        (c.PerformanceDegraded.type, {}, "[red]"),
        (c.WindowClosed.type, {}, "[cyan]"),
    ],
)
def test_the_colour_says_whether_it_is_good_news(type_: str, data: dict[str, object], colour: str) -> None:
    assert colour in event_line({"type": type_, "data": data})


def test_numbers_have_four_digits_and_never_fail() -> None:
    shown = [number(value) for value in (0, 20.0, 0.12345, 5123.4, 1e300, float("inf"), float("nan"))]
    assert shown == ["0", "20", "0.1235", "5,123", "1e+300", "inf", "nan"]
