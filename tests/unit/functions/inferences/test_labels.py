"""A label is read as ingesting reads the target."""

from __future__ import annotations

import math

import pytest

from functions.inferences.labels import as_class, as_number, text_of
from pipelines.values.form import Form


@pytest.mark.case("C4", "labels of such a target")
@pytest.mark.parametrize(
    ("value", "form", "number"),
    [
        (" 33.5", Form(), 33.5),
        ("88,5", Form(), 88.5),
        ("1.234,56", Form(), 1234.56),
        ("1,096", Form(), None),
        ("1,096", Form(grouped=True), 1096.0),
        ("1.250", Form(decimal=",", grouped=True), 1250.0),
        ("$5", Form(unit="$"), 5.0),
        ("$5", Form(), None),
        ("1_000", Form(), None),
        ("NA", Form(), None),
        ("inf", Form(), None),
        (math.nan, Form(), None),
        (10**400, Form(), None),
        (True, Form(), None),
        ([1], Form(), None),
        (7, Form(), 7.0),
    ],
)
def test_a_labels_number_is_read_in_the_targets_form(value: object, form: Form, number: float | None) -> None:
    assert as_number(value, form) == number


def test_a_class_is_found_however_the_label_writes_it() -> None:
    assert as_class(" >50K", ["<=50K", ">50K"]) == ">50K"
    assert as_class("1.0", [0, 1]) == 1
    assert as_class("True", [False, True]) is True
    assert as_class(1925036343869802844, ["1925036343869802844"]) == "1925036343869802844"
    assert as_class("maybe", ["no", "yes"]) is None
    assert [text_of(value) for value in (True, 2.0, 2.5, math.inf, None, [])] == [
        "true",
        "2",
        "2.5",
        None,
        None,
        None,
    ]
