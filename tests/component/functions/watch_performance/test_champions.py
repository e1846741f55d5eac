"""Harm is watched from the moment a champion is champion, the first time or again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.feedback import FeedbackLoop, predict
from support.world import MODEL, World

from eventing import catalogue as c
from eventing.event import Event
from functions.state.versions import Fact, record_fact

WINDOW = 100


@pytest.fixture
def feedback(database: str) -> Iterator[FeedbackLoop]:
    world = World(database)
    world.spec(labels={"window": f"{WINDOW}s", "train": False})
    world.version(1, promoted=True)
    world.version(2)
    yield FeedbackLoop(world)
    world.engine.dispose()


def label(feedback: FeedbackLoop, second: float, rows: int, *, right: bool, version: int = 1) -> list[Event]:
    """Let rows be predicted, and labelled at once; return what is said of them before they mature."""
    answers = ["yes" if right else "no"] * rows
    batch = predict(feedback, rows, second=second, labels=answers, version=version)
    feedback.world.now = feedback.world.after(second + 1)
    lines = "".join(f"{identity},yes\n" for identity in batch.ids)
    name = f"{MODEL}/v{version}-{second}.csv"
    feedback.file(name, f"prediction_id,label\n{lines}".encode(), etag=name)
    return feedback.ring(feedback.world.after(second + 3))


def mature(feedback: FeedbackLoop, second: float) -> list[Event]:
    """Return what is said when what was predicted in a second has matured."""
    return feedback.ring(feedback.world.after(second + WINDOW + 5))


def alarms(events: list[Event]) -> list[int]:
    return [event.data["version"] for event in events if event.type == c.PerformanceDegraded.type]


def note(feedback: FeedbackLoop, fact: Fact, version: int = 2) -> None:
    with feedback.world.session() as session:
        record_fact(session, MODEL, version, fact, f"{version}-{fact}", feedback.world.now)


def test_a_champion_that_comes_back_is_not_held_to_labels_from_before(feedback: FeedbackLoop) -> None:
    label(feedback, 0, 400, right=False)
    assert alarms(mature(feedback, 0)) == [1]
    said = label(feedback, 10_000, 1_000, right=True) + mature(feedback, 10_000)

    note(feedback, Fact.PROMOTED)
    said += label(feedback, 20_000, 1, right=True, version=2) + mature(feedback, 20_000)
    note(feedback, Fact.ROLLED_BACK)
    said += label(feedback, 30_000, 1, right=True) + mature(feedback, 30_000)

    assert alarms(said) == []


def test_a_champion_that_comes_back_is_held_to_what_matures_from_then_on(feedback: FeedbackLoop) -> None:
    label(feedback, 0, 10, right=True)
    mature(feedback, 0)
    note(feedback, Fact.PROMOTED)
    label(feedback, 1_000, 10, right=True, version=2)
    mature(feedback, 1_000)
    note(feedback, Fact.ROLLED_BACK)

    said = label(feedback, 2_000, 100, right=False)
    assert alarms(said) == []
    assert alarms(mature(feedback, 2_000)) == [1]


def test_labels_that_mature_after_the_return_count_though_their_predictions_are_older(
    feedback: FeedbackLoop,
) -> None:
    label(feedback, 0, 100, right=False)
    note(feedback, Fact.PROMOTED)
    said = label(feedback, 10, 1, right=True, version=2)
    note(feedback, Fact.ROLLED_BACK)
    said += label(feedback, 20, 1, right=True)
    assert alarms(said) == []
    assert alarms(mature(feedback, 20)) == [1]


def test_what_a_new_champion_answered_before_its_promotion_is_the_judges(feedback: FeedbackLoop) -> None:
    label(feedback, 0, 100, right=False, version=2)
    mature(feedback, 0)
    note(feedback, Fact.PROMOTED)
    assert alarms(label(feedback, 1_000, 1, right=True, version=2) + mature(feedback, 1_000)) == []


def test_an_alarm_still_stands_when_its_champion_comes_back(feedback: FeedbackLoop) -> None:
    label(feedback, 0, 400, right=False)
    assert alarms(mature(feedback, 0)) == [1]
    note(feedback, Fact.PROMOTED)
    label(feedback, 200, 100, right=False, version=2)
    assert alarms(mature(feedback, 200)) == [2]
    note(feedback, Fact.ROLLED_BACK)

    label(feedback, 400, 100, right=False)
    assert alarms(mature(feedback, 400)) == []
    label(feedback, 1_200, 100, right=False)
    assert alarms(mature(feedback, 1_200)) == [1]
