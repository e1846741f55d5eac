"""An alarm is raised once when the labelled errors rise, whatever the order and number of deliveries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.feedback import Feedback, FeedbackLoop, alarms, play, predict
from support.world import MODEL, World

from eventing import catalogue as c
from eventing.event import Event
from eventing.testing import HandlingFailed, handle
from functions.state.labels import FeedbackRow
from functions.watch_performance import labels, watch

pytestmark = pytest.mark.slow


def world_at(url: str) -> World:
    """A champion whose labels mature after 10 s, of which a tenth are wrong on its holdout."""
    world = World(url)
    world.spec(labels={"window": "10s"}, entity="who")
    world.version(1, loss={"rows": 500, "mean": 0.1, "variance": 0.09, "scale": 1.0}, promoted=True)
    return world


@pytest.fixture
def feedback(database: str) -> Iterator[FeedbackLoop]:
    world = world_at(database)
    yield FeedbackLoop(world)
    world.engine.dispose()


@pytest.fixture
def new_world(new_database: Callable[[], str]) -> Iterator[Callable[[], World]]:
    made: list[World] = []

    def make() -> World:
        made.append(world_at(new_database()))
        return made[-1]

    yield make
    for world in made:
        world.engine.dispose()


def test_errors_as_on_the_holdout_raise_no_alarm(feedback: FeedbackLoop) -> None:
    said = [event for n in range(10) for event in play(feedback, 200, 0.1, second=20 * n, seed=n)]
    assert alarms(said) == []


@pytest.mark.case("replay", "an alarm of harm, replayed from the running function's event")
def test_more_errors_than_promised_raise_one_alarm_with_its_numbers(feedback: FeedbackLoop) -> None:
    said = play(feedback, 200, 0.1, second=0) + play(feedback, 100, 0.7, second=20)
    (alarm,) = alarms(said)
    assert alarm.version == 1
    assert alarm.statistic >= alarm.threshold
    assert 0.1 < alarm.baseline < 0.15
    assert 200 < alarm.labels < 260
    assert 0.1 < alarm.mean_loss < 0.8


def test_repeated_labels_of_one_entity_are_one_label(feedback: FeedbackLoop) -> None:
    said = [event for n in range(5) for event in play(feedback, 100, 1.0, second=20 * n, entity="ann")]
    assert alarms(said) == []


def test_a_new_champion_starts_anew(feedback: FeedbackLoop) -> None:
    assert alarms(play(feedback, 100, 0.7, second=0))
    feedback.world.version(2, promoted=True)
    assert alarms(play(feedback, 100, 0.7, second=20)) == []


def test_labels_that_are_not_mature_do_not_count_yet(feedback: FeedbackLoop) -> None:
    batch = predict(feedback, 100, labels=["yes"] * 100)
    text = "prediction_id,label\n" + "".join(f"{identity},no\n" for identity in batch.ids)
    feedback.file(f"{MODEL}/early.csv", text.encode())
    assert alarms(feedback.ring(feedback.world.after(5))) == []
    assert alarms(feedback.ring(feedback.world.after(12)))


def joinings(world: World) -> list[Event]:
    """What join_feedback emits about calm labels and about bad ones, before anybody consumes it."""
    joining = Feedback(world)
    events = [event for n in range(4) for event in play(joining, 50, 0.1, second=20 * n, seed=n)]
    return events + play(joining, 100, 0.7, second=80)


def consume(world: World, events: list[Event]) -> tuple[list[c.PerformanceDegraded], dict[str, Any]]:
    """Deliver events; return the alarms, and what is kept of the test."""
    loop = FeedbackLoop(world)
    answers = [answer for event in events if (answer := handle(loop.watch, event))]
    raised = alarms(list({answer.id: answer for answer in answers}.values()))
    with world.session() as session:
        row = session.get_one(FeedbackRow, MODEL)
    return raised, {"harm": row.harm, "at": row.harm_at, "id": row.harm_id, "through": row.watched_through}


def test_the_order_and_number_of_deliveries_change_nothing(new_world: Callable[[], World]) -> None:
    one, other = new_world(), new_world()
    events, again = joinings(one), joinings(other)
    assert len(events) > 8
    (alarm,), test = consume(one, events)
    (late,), same = consume(other, [*again[1:4], *reversed(again), *again])
    assert test["harm"]["n"] == 300
    assert same == test
    assert (late.labels, late.statistic) == (alarm.labels, alarm.statistic)


def test_a_page_of_labels_is_no_bound(feedback: FeedbackLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "_PAGE", 7)
    events = joinings(feedback.world)
    (alarm,), test = consume(feedback.world, events[-1:])
    assert (alarm.version, test["harm"]["n"]) == (1, 300)


def test_a_crash_before_the_alarm_is_kept_neither_loses_nor_doubles_it(feedback: FeedbackLoop) -> None:
    *calm, last = joinings(feedback.world)
    assert consume(feedback.world, calm)[0] == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "recent_loss", crash)
        with pytest.raises(HandlingFailed):
            handle(feedback.watch, last)
    (alarm,), test = consume(feedback.world, [last, last])
    assert (alarm.version, test["harm"]["n"]) == (1, 300)


def crash(*arguments: object) -> None:
    raise MemoryError("the process ends here")


def test_of_two_events_at_once_each_label_is_taken_in_once(
    feedback: FeedbackLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = joinings(feedback.world)
    add_labels = watch.add_labels

    def slowly(*arguments: Any) -> Any:
        monkeypatch.setattr(watch, "add_labels", add_labels)
        assert handle(feedback.watch, events[-1])
        return add_labels(*arguments)

    monkeypatch.setattr(watch, "add_labels", slowly)
    assert handle(feedback.watch, events[-2]) is None
    raised, test = consume(feedback.world, events)
    assert (len(raised), test["harm"]["n"]) == (1, 300)
