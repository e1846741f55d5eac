"""Which task a target makes when the spec does not say; a draft and a training go by the same rule."""

from __future__ import annotations

from typing import Literal

_FEW_INTEGERS = 10  # so many distinct whole numbers at most are taken for classes
_FEW_NUMBERS = 2  # and of a column that could have decimals


def task_of_numbers(distinct: int, *, integer: bool, whole: bool) -> Literal["classification", "regression"]:
    """Tell the task from a target of numbers; any other target makes classes.

    Args:
        distinct: how many different values it has.
        integer: whether its column is one of whole numbers.
        whole: whether its values are whole all the same.
    """
    few = distinct <= (_FEW_INTEGERS if integer else _FEW_NUMBERS)
    return "classification" if few and (integer or whole) else "regression"
