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


@dataclass(frozen=True)
class Equal:
    """`x = y`: x is cast to the type of y."""

    left: Node
    right: Node
    type: ClassVar[Type] = "boolean"

    def evaluate(self, event: Attributes) -> Value:
        left, right = self.left.evaluate(event), self.right.evaluate(event)
        return cast(left, type_of(right)) == right


@dataclass(frozen=True)
class Compare:
    """`<`, `<=`, `>`, `>=` of integers."""

    mark: str
    left: Node
    right: Node
    type: ClassVar[Type] = "boolean"

    def evaluate(self, event: Attributes) -> Value:
        left, right = to_integer(self.left.evaluate(event)), to_integer(self.right.evaluate(event))
        return COMPARISONS[self.mark](left, right)


@dataclass(frozen=True)
class Calculate:
    """`+`, `-`, `*`, `/`, `%` of integers; division by zero and more than 32 bits are errors."""

    mark: str
    left: Node
    right: Node
    type: ClassVar[Type] = "integer"

    def evaluate(self, event: Attributes) -> Value:
        left, right = to_integer(self.left.evaluate(event)), to_integer(self.right.evaluate(event))
        return in_range(CALCULATIONS[self.mark](left, right))


@dataclass(frozen=True)
class Logic:
    """`AND`, `OR`, `XOR`; the first two leave out the right side when the left one decides."""

    mark: str
    left: Node
    right: Node
    type: ClassVar[Type] = "boolean"

    def evaluate(self, event: Attributes) -> Value:
        left = to_boolean(self.left.evaluate(event))
        if self.mark != "XOR" and left == (self.mark == "OR"):
            return left
        right = to_boolean(self.right.evaluate(event))
        return left != right if self.mark == "XOR" else right


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


COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
CALCULATIONS: Mapping[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": lambda left, right: left - right * _divide(left, right),
}
