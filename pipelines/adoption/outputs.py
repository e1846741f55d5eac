"""What a model gives: probabilities of the classes, or a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.adoption.graph import Addition, Mismatch, Tensor
from pipelines.adoption.inputs import FLOATS
from pipelines.card import Class
from pipelines.encoding.scales import Scale
from pipelines.model_file import LABEL, PROBABILITIES, VARIABLE

LABELS = ("int64", "int32", "string", "bool")


@dataclass(frozen=True)
class Given:
    """The outputs that count: of floats, and of labels where there is one."""

    scores: Tensor
    labels: Tensor | None = None


def pick(outputs: Sequence[Tensor], *, classifies: bool) -> Given:
    """Choose the outputs that count. Raises: Mismatch."""
    shown = ", ".join(map(str, outputs[:5]))
    floats = [each for each in outputs if each.element in FLOATS]
    labels = [each for each in outputs if each.element in LABELS]
    if classifies and len(floats) == 1 and len(labels) <= 1 and len(outputs) == 1 + len(labels):
        return Given(floats[0], labels[0] if labels else None)
    if not classifies and len(floats) == len(outputs) == 1:
        return Given(floats[0])
    expected = (
        "one tensor of floats [N, classes] with probabilities, and a tensor of labels [N] or none"
        if classifies
        else "one tensor of floats [N, 1] or [N]"
    )
    raise Mismatch(f"its outputs are {shown}; expected is {expected}", "convert it with these outputs alone")


def order_of(classes: Sequence[Class], given: Sequence[Class] | None) -> list[int]:
    """Return which column of the model's probabilities stands for each class. Raises: Mismatch."""
    if given is None:
        return list(range(len(classes)))
    named = [as_text(each) for each in given]
    wanted = [as_text(each) for each in classes]
    if sorted(named) != sorted(wanted):
        raise Mismatch(
            f"`classes` are {', '.join(named[:20])}; those of the data are {', '.join(wanted[:20])}",
            "name each class of the data once, in the order of the model's probabilities: --classes a,b",
        )
    return [named.index(each) for each in wanted]


def as_text(value: object) -> str:
    """Return a class as text, the same for the data's and for a label of a model."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def give_classes(scores: Tensor, columns: Sequence[int], addition: Addition) -> None:
    """Add what makes `label` and `probabilities` of a model's probabilities, for each of two classes or more.

    One column is the probability of the second of two classes.

    Raises: Mismatch.
    """
    shape = scores.shape
    single = shape is not None and (len(shape) == 1 or shape[1:] == (1,))
    width = 2 if single else None if shape is None else shape[1] if len(shape) == 2 else -1
    if width not in (None, len(columns)):
        raise Mismatch(
            f"the output {scores} should be [N, {len(columns)}]: the data has {len(columns)} classes",
            "give a probability for each class of the data",
        )
    value = scores.inside if scores.element == "float" else addition.cast(scores.inside, "float")
    if single:
        second = addition.reshape(value, -1, 1)
        one = addition.constant(np.ones((1, 1), dtype=np.float32))
        value = addition.node("Concat", addition.node("Sub", one, second), second, axis=1)
    if list(columns) != list(range(len(columns))):
        value = addition.columns(value, list(columns))
    addition.node("Identity", value, output=PROBABILITIES)
    addition.node("ArgMax", PROBABILITIES, output=LABEL, axis=1, keepdims=0)


def give_number(scores: Tensor, scale: Scale, addition: Addition) -> None:
    """Add what makes `variable` of a model's number, in the scale of the answer. Raises: Mismatch."""
    if scores.shape is not None and scores.shape[1:] not in ((), (1,)):
        raise Mismatch(f"the output {scores} should be [N, 1] or [N]: one number for each row")
    value = addition.reshape(scores.inside, -1, 1)
    if scores.element == "double":
        offset = addition.constant(np.full((1, 1), scale.offset, dtype=np.float64))
        unit = addition.constant(np.full((1, 1), scale.unit, dtype=np.float64))
        value = addition.node("Div", addition.node("Sub", value, offset), unit)
        value = addition.cast(value, "float")
    addition.node("Identity", value, output=VARIABLE)
