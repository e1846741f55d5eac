"""Causes and effects as the console tells them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from eventing import catalogue as c
from functions.console.causes import causes_of, every, maker_of, with_prediction

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def node(type_: str, *effects: dict[str, Any], minute: int = 0, **data: Any) -> dict[str, Any]:
    at = (NOON + timedelta(minutes=minute)).isoformat()
    event = {"id": f"{type_}{minute}", "type": type_, "subject": "churn/v2", "time": at, "data": data}
    return {"event": event, "effects": list(effects), "folded": {c.TimerDue.type: 3} if effects else {}}


def prediction(*, minute: int, **row: Any) -> dict[str, Any]:
    at = (NOON + timedelta(minutes=minute)).isoformat()
    answered = {"model": "churn", "version": 2, "predicted": "yes", "at": at, "label": None, **row}
    return {"prediction_id": "p1", "rows": [{**answered, "shadow": True, "version": 3}, answered]}


def test_causes_keep_the_order_and_the_counts_of_the_ledger() -> None:
    chain = [node(c.RolloutStarted.type, node(c.RolloutCompleted.type, outcome="promoted"))]

    (root,) = causes_of(chain, f"{c.RolloutCompleted.type}0")

    assert (root.name, root.subject, root.folded) == ("rollout.started", "churn/v2", {"timer.due": 3})
    (effect,) = root.effects
    assert (effect.kind, effect.asked, root.asked) == ("good", True, False)


def test_what_is_refused_fails_or_harms_is_bad() -> None:
    types = [c.ModelRejected.type, c.TrainingFailed.type, c.PerformanceDegraded.type, c.DatasetRejected.type]
    rolled_back = node(c.RolloutDecided.type, outcome="rolled_back")

    found = causes_of([*map(node, types), rolled_back], "")

    assert {each.kind for each in found} == {"bad"}
    assert causes_of([node(c.RolloutDecided.type, outcome="inconclusive")], "")[0].kind == "warning"


def test_a_foreign_event_whose_data_is_no_object_is_shown_all_the_same() -> None:
    event = {"id": "odd", "type": "com.example.odd", "data": [1]}

    (found,) = causes_of([{"event": event, "effects": []}], "odd")

    assert (found.name, found.subject, found.words, found.kind) == ("com.example.odd", "", "", "")


def test_a_prediction_follows_from_what_last_gave_its_version_traffic() -> None:
    later = node(c.RolloutCompleted.type, minute=9, outcome="promoted")
    chain = causes_of([node(c.RolloutStarted.type, node(c.RolloutAdvanced.type, later, minute=3))], "p1")

    roots = with_prediction(chain, prediction(minute=5, label="no", late=True))

    (advanced,) = [each for each in every(roots) if each.name == "rollout.advanced"]
    made = advanced.effects[-1]
    assert (made.reference, made.subject, made.words, made.asked) == ("p1", "churn/v2", "yes", True)
    assert [label.words for label in made.effects] == ["no, too late to judge by"]


def test_a_prediction_before_anything_that_is_recorded_stands_by_itself() -> None:
    started = causes_of([node(c.RolloutStarted.type, minute=7)], "p1")

    roots = with_prediction(started, prediction(minute=5, predicted=None, predicted_number=2.5))

    assert [each.name for each in roots] == ["rollout.started", "prediction"]
    assert (roots[1].words, roots[1].effects) == ("2.5", [])


def test_the_version_that_the_client_heard_made_a_prediction() -> None:
    assert maker_of(prediction(minute=1)) == "churn/v2"
    assert maker_of({"rows": [{"model": "churn", "version": 3, "shadow": True}]}) == "churn/v3"
