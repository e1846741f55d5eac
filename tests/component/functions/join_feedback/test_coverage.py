"""Each version's labelled share is counted at most once a minute, and right in the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.feedback import Feedback, predict
from support.world import World

HOUR = 3600


@pytest.fixture
def feedback(database: str) -> Iterator[Feedback]:
    world = World(database)
    world.spec(labels={"window": "1h", "train": False})
    world.version(1, promoted=True)
    yield Feedback(world)
    world.engine.dispose()


def shares(feedback: Feedback, second: float, labelled: str) -> tuple[int, int, int, float | None]:
    """Label a prediction; return what is told then of v1: made, matured, labelled, and the mean loss."""
    feedback.world.now = feedback.world.after(second)
    feedback.label("yes", prediction_id=labelled)
    (version,) = feedback.joined().versions
    return version.predictions, version.matured, version.labelled, version.mean_loss


def test_shares_are_counted_again_after_a_minute(feedback: Feedback) -> None:
    first = predict(feedback, 4)
    assert shares(feedback, 1, first.ids[0]) == (4, 0, 0, None)
    second = predict(feedback, 4, second=5)
    assert shares(feedback, 10, second.ids[0]) == (4, 0, 0, None)
    assert shares(feedback, 70, second.ids[1]) == (8, 0, 0, None)


def test_shares_are_counted_once_more_when_everything_has_matured(feedback: Feedback) -> None:
    first, second = predict(feedback, 4, labels=["yes"] * 4), predict(feedback, 4, second=20)
    shares(feedback, 25, first.ids[0])
    assert shares(feedback, HOUR + 10, second.ids[0]) == (8, 4, 1, 0.0)
    assert shares(feedback, HOUR + 15, second.ids[1]) == (8, 4, 1, 0.0)
    assert shares(feedback, HOUR + 30, first.ids[0]) == (8, 8, 3, 2 / 3)


def test_shares_hold_the_labels_that_are_joined_just_then(feedback: Feedback) -> None:
    batch = predict(feedback, 4)
    feedback.world.now = feedback.world.after(HOUR - 1)
    feedback.label("yes", prediction_id=batch.ids[0])
    (version,) = feedback.joined(feedback.world.after(HOUR + 5)).versions
    assert (version.matured, version.labelled, version.mean_loss) == (4, 1, 1.0)
