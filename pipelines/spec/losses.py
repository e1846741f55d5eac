"""`rollout.loss`: what an answer of a classifier costs, by its class and the true one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError

from eventing.catalogue import Problem
from pipelines.spec.problems import nearest

Named = Literal["zero_one", "balanced"]
Costs = Mapping[str, Mapping[str, float]]
"""What an answer costs: by the true class, then by the class that was answered. What is not named costs 1."""

NAMES: tuple[Named, ...] = ("zero_one", "balanced")
_FORM = "{true class: {answered class: cost}}"
_MOST = 1e6


def _read(value: Any) -> Named | dict[str, dict[str, float]]:
    if isinstance(value, Mapping):
        return {_class(true): _row(true, row) for true, row in value.items()}
    for name in NAMES:
        if value == name:
            return name
    hint = nearest(value, NAMES) if isinstance(value, str) else f"one of {', '.join(NAMES)}"
    raise PydanticCustomError(
        "loss", "zero_one, balanced, or costs as {form}; {hint}", {"form": _FORM, "hint": hint}
    )


def _row(true: Any, row: Any) -> dict[str, float]:
    if not isinstance(row, Mapping) or not row:
        message = "the costs of {true} as a mapping, {form}"
        raise PydanticCustomError("loss", message, {"true": repr(true), "form": _FORM})
    found = {_class(answered): cost for answered, cost in row.items()}
    for answered, cost in found.items():
        number = isinstance(cost, int | float) and not isinstance(cost, bool)
        if not number or not 0 <= cost <= _MOST:
            message = "a cost from 0 to 1000000 for {answered} in place of {true}"
            raise PydanticCustomError("loss", message, {"answered": repr(answered), "true": repr(true)})
        if answered == _class(true) and cost != 0:
            message = "no cost for {true} where it is right"
            raise PydanticCustomError("loss", message, {"true": repr(true)})
    return {answered: float(cost) for answered, cost in found.items()}


def _class(name: Any) -> str:
    return str(name).strip()


Loss = Annotated[
    Named | dict[str, dict[str, float]],
    PlainValidator(
        _read,
        json_schema_input_type=Named | dict[str, dict[str, float]],
    ),
    PlainSerializer(lambda value: value),
]


def spell(loss: Named | Costs) -> str:
    """Return a loss as one text, the same for the same one."""
    return loss if isinstance(loss, str) else json.dumps(loss, sort_keys=True)


def check_loss(loss: Named | Costs, classes: Sequence[str] | None, *, regression: bool) -> Iterable[Problem]:
    """Yield a problem for each thing about a loss that does not fit the task or its classes.

    Args:
        classes: their names, as far as they are known.
    """
    if loss == "zero_one":
        return
    if regression:
        problem = "it counts classes, and this is a regression, whose loss is the absolute error"
        yield Problem(where="rollout.loss", problem=problem, fix="remove `loss`")
        return
    if isinstance(loss, str) or classes is None:
        return
    for true, row in loss.items():
        for name in (true, *row):
            if name not in classes:
                where = f"rollout.loss.{true}" if name != true else "rollout.loss"
                yield Problem(where=where, problem=f"{name!r} is no class", fix=nearest(name, classes))
