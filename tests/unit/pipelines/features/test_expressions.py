"""Expressions are the arithmetic that they look like, and nothing else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.features.expressions import Expression, ExpressionError


def _one(text: str, **columns: Any) -> float | None:
    value = float(Expression.parse(text).evaluate({name: [given] for name, given in columns.items()})[0])
    return None if math.isnan(value) else value


_numbers = st.floats(-1e3, 1e3)
_texts = st.recursive(
    st.sampled_from(["a", "b", "2", "0.5"]),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda each: f"({' '.join(each)})"),
    max_leaves=8,
)


@given(_texts, _numbers, _numbers)
def test_arithmetic_is_that_of_python(text: str, a: float, b: float) -> None:
    try:
        expected = eval(text, {"a": a, "b": b})  # noqa: S307  # the reference, of text made above
    except ZeroDivisionError:
        expected = math.nan
    found = Expression.parse(text + " + 0 * a + 0 * b").evaluate({"a": [a], "b": [b]})[0]
    assert (math.isnan(found) and not math.isfinite(expected)) or found == pytest.approx(
        expected, nan_ok=True
    )


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("amount / total", {"amount": 1, "total": 4}, 0.25),
        ("amount / total", {"amount": 1, "total": 0}, None),
        ("amount / total", {"amount": None, "total": 4}, None),
        ("coalesce(total, 0) + 1", {"total": None}, 1.0),
        ("max(a, 1)", {"a": -3}, 1.0),
        ("a > 2", {"a": 3}, 1.0),
        ("a > 2", {"a": None}, None),
        ("log(a)", {"a": -1}, None),
        ("a ** 999", {"a": 1e9}, None),
        ("-a % 3", {"a": 1}, 2.0),
        ("größe * 2", {"größe": 2}, 4.0),
        ("a == b", {"a": True, "b": 1}, 1.0),
    ],
)
def test_what_is_missing_or_infinite_is_missing(
    text: str, columns: dict[str, Any], expected: float | None
) -> None:
    assert _one(text, **columns) == expected


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "a b",
            "a.b",
            "a[0]",
            "a if b else c",
            "not a",
            "a and b",
            "a < b < c",
            "a is b",
            "~a",
            "a @ b",
        ),
        *("lambda: 1", "[a]", "'a'", "True", "None", "1j", "1e999", "a := 2", "min(*a)", "min(a, b, c)"),
        *("abs(x=a)", "(1).real", "().__class__", "__import__('os')", "(" * 200 + "a" + ")" * 200 + ".b"),
        *("f'{a}'", "a\x00", "-" * 40 + "a", "9" * 400),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        Expression.parse(text)


def test_an_unknown_function_is_answered_with_the_nearest() -> None:
    with pytest.raises(ExpressionError, match=r"did you mean coalesce\(\)\?"):
        Expression.parse("coalese(a, 0)")


def test_it_says_which_columns_it_needs_and_takes_many_rows_at_once() -> None:
    expression = Expression.parse("a / b + a")
    assert expression.names == ("a", "b")
    found = expression.evaluate({"a": np.arange(3), "b": [1, 2, 4], "c": ["not", "a", "number"]})
    assert found.tolist() == [0.0, 1.5, 2.5]
    with pytest.raises(KeyError, match="b"):
        expression.evaluate({"a": [1]})
