"""A parsed CESQL expression, which evaluates itself for an event and stops at the first error."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from knative.local.broker.filters.base import Attributes
from knative.local.broker.filters.cesql.functions import Function
from knative.local.broker.filters.cesql.values import (
    CesqlError,
    Type,
    Value,
    cast,
    in_range,
    to_boolean,
    to_integer,
    to_string,
    type_of,
)


class Node(Protocol):
    """A part of an expression."""

    @property
    def type(self) -> Type:
        """Return the type of the value."""
        ...

    def evaluate(self, event: Attributes) -> Value:
        """Return the value for an event. Raises CesqlError."""
        ...


@dataclass(frozen=True)
class Constant:
    """A literal."""

    value: Value

    @property
    def type(self) -> Type:
        return type_of(self.value)

    def evaluate(self, event: Attributes) -> Value:
        return self.value


@dataclass(frozen=True)
class Attribute:
    """An attribute of the event; in the broker all of them are strings. One that is missing is an error."""

    name: str
    type: ClassVar[Type] = "string"

    def evaluate(self, event: Attributes) -> Value:
        try:
            return event[self.name]
        except KeyError as error:
            raise CesqlError("missingAttribute", f"the event has no {self.name}") from error


@dataclass(frozen=True)
class Exists:
    """`EXISTS name`."""

    name: str
    type: ClassVar[Type] = "boolean"

    def evaluate(self, event: Attributes) -> Value:
        return self.name in event


@dataclass(frozen=True)
class Not:
    """`NOT x`, also of `NOT LIKE` and `NOT IN`."""

    operand: Node
    type: ClassVar[Type] = "boolean"

    def evaluate(self, event: Attributes) -> Value:
        return not to_boolean(self.operand.evaluate(event))


@dataclass(frozen=True)
class Minus:
    """`-x`."""

    operand: Node
    type: ClassVar[Type] = "integer"

    def evaluate(self, event: Attributes) -> Value:
        return in_range(-to_integer(self.operand.evaluate(event)))


@dataclass(frozen=True)
class Like:
    """`x LIKE pattern`."""

    operand: Node
    pattern: re.Pattern[str]
    type: ClassVar[Type] = "boolean"

    def evaluate(self, event: Attributes) -> Value:
        return self.pattern.fullmatch(to_string(self.operand.evaluate(event))) is not None


@dataclass(frozen=True)
class In:
    """`x IN (…)`: elements are cast to the type of x."""

    operand: Node
    elements: tuple[Node, ...]
    type: ClassVar[Type] = "boolean"

    def evaluate(self, event: Attributes) -> Value:
        value = self.operand.evaluate(event)
        target = type_of(value)
        return any(cast(element.evaluate(event), target) == value for element in self.elements)


Operator = Callable[[Value, Value], Value]
"""Makes one value of two. Raises CesqlError."""


@dataclass(frozen=True)
class Chain:
    """`x = y`, `x < y`, `x + y` and so on, several of one precedence from left to right.

    They are one node, not a tree as deep as they are many, so that evaluating them needs no deep stack.
    """

    first: Node
    rest: tuple[tuple[Operator, Node], ...]
    type: Type

    def evaluate(self, event: Attributes) -> Value:
        value = self.first.evaluate(event)
        for operate, operand in self.rest:
            value = operate(value, operand.evaluate(event))
        return value


@dataclass(frozen=True)
class Logic:
    """`x AND y OR z` and so on, grouped from the right; `AND` and `OR` stop when the left side decides."""

    before: tuple[tuple[Node, str], ...]
    last: Node
    type: ClassVar[Type] = "boolean"

    def evaluate(self, event: Attributes) -> Value:
        inverted = False
        for operand, mark in self.before:
            value = to_boolean(operand.evaluate(event))
            if mark == "XOR":
                inverted ^= value
            elif value == (mark == "OR"):
                return value != inverted
        return to_boolean(self.last.evaluate(event)) != inverted


@dataclass(frozen=True)
class Call:
    """A call of a function; each argument is cast to its type."""

    function: Function
    arguments: tuple[Node, ...]

    @property
    def type(self) -> Type:
        return self.function.returns

    def evaluate(self, event: Attributes) -> Value:
        values = [argument.evaluate(event) for argument in self.arguments]
        types = list(self.function.arguments)
        types += [self.function.further] * (len(values) - len(types))
        return self.function.call(
            *(
                value if wanted is None else cast(value, wanted)
                for value, wanted in zip(values, types, strict=True)
            )
        )


def _divide(left: int, right: int) -> int:
    if right == 0:
        raise CesqlError("math", "division by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _compare(by: Callable[[int, int], bool]) -> Operator:
    return lambda left, right: by(to_integer(left), to_integer(right))


def _calculate(by: Callable[[int, int], int]) -> Operator:
    return lambda left, right: in_range(by(to_integer(left), to_integer(right)))


def _equal(left: Value, right: Value) -> Value:
    return cast(left, type_of(right)) == right


def _unequal(left: Value, right: Value) -> Value:
    return not _equal(left, right)


COMPARISONS: Mapping[str, Operator] = {
    "=": _equal,
    "!=": _unequal,
    "<>": _unequal,
    "<": _compare(operator.lt),
    "<=": _compare(operator.le),
    ">": _compare(operator.gt),
    ">=": _compare(operator.ge),
}
"""The left side is cast to the type of the right one; integers alone have an order."""

SUMS: Mapping[str, Operator] = {"+": _calculate(operator.add), "-": _calculate(operator.sub)}
PRODUCTS: Mapping[str, Operator] = {
    "*": _calculate(operator.mul),
    "/": _calculate(_divide),
    "%": _calculate(lambda left, right: left - right * _divide(left, right)),
}
