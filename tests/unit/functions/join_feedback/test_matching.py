"""Labels and the predictions they belong to: every label has one fate, and it is counted."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.inferences.labels import as_class, as_number
from functions.join_feedback.matching import (
    Fate,
    Join,
    Known,
    Label,
    Prediction,
    Target,
    match,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = 7 * 24 * HOUR
CHURN = Target(classes=("no", "yes"))
PREDICTIONS = [
    Prediction("p1", START, 1, "anna"),
    Prediction("p2", START + HOUR, 1, "anna"),
    Prediction("p3", START + 2 * HOUR, 2, "bert"),
]


def label(number: int, value: object = "yes", *, hours: float = 5, **address: object) -> Label:
    """A label received some hours after the start."""
    return Label(f"l{number}", value, START + hours * HOUR, **address)  # type: ignore[arg-type]


def matched(*labels: Label, target: Target = CHURN) -> list[Join]:
    return match(labels, PREDICTIONS, {}, target=target, window=WINDOW)


def fates(joins: list[Join]) -> list[Fate]:
    return [join.fate for join in joins]


def joined(joins: list[Join]) -> dict[str | None, object]:
    """The labels that were joined, by prediction id."""
    found = {join.prediction_id: join.value for join in joins if join.fate is Fate.JOINED}
    assert len(found) == fates(joins).count(Fate.JOINED)
    return found


def test_a_label_by_prediction_id_is_joined() -> None:
    found = matched(label(1, prediction_id="p1"))

    assert fates(found) == [Fate.JOINED]
    assert joined(found) == {"p1": "yes"}


def test_a_label_by_entity_and_time_belongs_to_the_newest_prediction_before_it() -> None:
    found = matched(
        label(1, entity="anna", time=START + timedelta(minutes=59)),
        label(2, "no", entity="anna", time=START + HOUR),
        label(3, entity="bert", time=START + 30 * HOUR),
    )

    assert joined(found) == {"p1": "yes", "p2": "no", "p3": "yes"}


@pytest.mark.parametrize(
    "address",
    [
        {"prediction_id": "p9"},
        {"entity": "cleo", "time": START + HOUR},
        {"entity": "anna", "time": START - HOUR},
        {"entity": "anna", "time": START + 2 * WINDOW},
        {"entity": "anna"},
        {},
    ],
)
def test_a_label_of_no_prediction_is_unknown(address: dict[str, object]) -> None:
    assert fates(matched(label(1, **address))) == [Fate.UNKNOWN]


def test_the_same_label_again_is_a_duplicate_and_another_value_contradicts_the_first() -> None:
    found = matched(
        label(3, "no", hours=7, prediction_id="p1"),
        label(2, "yes", hours=6, prediction_id="p1"),
        label(1, "yes", hours=5, prediction_id="p1"),
    )

    assert fates(found) == [Fate.JOINED, Fate.DUPLICATE, Fate.CONTRADICTORY]
    assert joined(found) == {"p1": "yes"}


@pytest.mark.parametrize(
    ("hours", "still_open", "replaces"), [(4, True, True), (4, False, False), (6, True, False)]
)
def test_a_label_known_from_before_stands_unless_another_one_came_before_it(
    hours: float, still_open: bool, replaces: bool
) -> None:
    known = Known("yes", START + 5 * HOUR, "l0", open=still_open)
    (found,) = match(
        [label(1, "no", hours=hours, prediction_id="p1")],
        PREDICTIONS,
        {"p1": known},
        target=CHURN,
        window=WINDOW,
    )

    assert (found.fate, found.replaces, found.stands) == (Fate.CONTRADICTORY, replaces, replaces)


@given(
    st.lists(
        st.tuples(st.sampled_from(["yes", "no"]), st.integers(1, 3), st.sampled_from(["p1", "p2", "p3"])),
        min_size=1,
        max_size=6,
    ),
    st.randoms(),
)
def test_in_whatever_order_labels_are_handled_each_prediction_ends_with_the_same_one(
    drawn: list[tuple[str, int, str]], rng: random.Random
) -> None:
    labels = [
        label(number, value, hours=hours, prediction_id=identity)
        for number, (value, hours, identity) in enumerate(drawn)
    ]
    assert handled_one_by_one(rng.sample(labels, len(labels)) + labels[:2]) == handled_one_by_one(labels)


def handled_one_by_one(labels: list[Label]) -> dict[str, Known]:
    known: dict[str, Known] = {}
    for each in labels:
        (found,) = match([each], PREDICTIONS, known, target=CHURN, window=WINDOW)
        if found.stands and found.prediction_id is not None and found.value is not None:
            known[found.prediction_id] = Known(found.value, each.received_at, each.label_id, open=True)
    return known


def test_a_label_after_the_window_is_late_and_stands_all_the_same() -> None:
    last = WINDOW / HOUR
    found = matched(label(1, hours=last, prediction_id="p1"), label(2, hours=last + 1.01, prediction_id="p2"))

    assert fates(found) == [Fate.JOINED, Fate.LATE]
    assert set(joined(found)) == {"p1"}
    assert found[1].stands


@pytest.mark.parametrize("value", ["maybe", None, [], {"a": 1}, math.nan, True, 1])
def test_a_label_of_no_class_is_impossible(value: object) -> None:
    assert fates(matched(label(1, value, prediction_id="p1"))) == [Fate.IMPOSSIBLE]


@pytest.mark.parametrize("value", ["much", None, math.inf, "nan", True, [1.0]])
def test_a_label_of_no_number_is_impossible_where_numbers_are_predicted(value: object) -> None:
    assert fates(matched(label(1, value, prediction_id="p1"), target=Target())) == [Fate.IMPOSSIBLE]


@pytest.mark.parametrize(
    ("value", "classes", "found"),
    [
        ("1", (0, 1), 1),
        (1.0, (0, 1), 1),
        ("1.0", (0, 1), 1),
        (1, ("0", "1"), "1"),
        ("True", (False, True), True),
        (True, ("False", "True"), "True"),
        (True, (0, 1), None),
        (" yes ", ("no", "yes"), "yes"),
        ("007", ("7", "007"), "007"),
        ("7", ("007", "7"), "7"),
    ],
)
def test_a_class_is_found_in_whatever_type_it_came(
    value: object, classes: tuple[object, ...], found: object
) -> None:
    assert as_class(value, classes) == found  # type: ignore[arg-type]


def test_a_number_may_come_as_text() -> None:
    assert (as_number("2.5"), as_number(3), as_number("x")) == (2.5, 3.0, None)


def test_one_label_serves_both_versions_that_answered_a_request() -> None:
    both = [Prediction("p1", START, 1), Prediction("p1", START + timedelta(seconds=1), 2)]
    found = match([label(1, prediction_id="p1")], both, {}, target=CHURN, window=WINDOW)

    assert joined(found) == {"p1": "yes"}


LABELS = st.builds(
    label,
    st.integers(0, 10_000),
    st.sampled_from(["yes", "no", "maybe"]),
    hours=st.floats(0, 400),
    prediction_id=st.sampled_from(["p1", "p2", "p3", "p9", None]),
    entity=st.sampled_from(["anna", "cleo", None]),
    time=st.sampled_from([START, START + 3 * HOUR, None]),
)


@given(st.lists(LABELS, max_size=20, unique_by=lambda each: each.label_id), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_every_label_has_one_fate_whatever_the_order_they_are_given_in(
    labels: list[Label], rng: object
) -> None:
    shuffled = list(labels)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = matched(*labels), matched(*shuffled)

    assert one == other
    assert len(one) == len(labels)
    known = {
        join.prediction_id: Known(join.value, join.label.received_at, join.label.label_id, open=True)
        for join in one
        if join.stands and join.prediction_id is not None and join.value is not None
    }
    again = match(labels, PREDICTIONS, known, target=CHURN, window=WINDOW)
    assert not any(join.stands for join in again)
