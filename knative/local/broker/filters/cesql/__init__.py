"""The `cesql` dialect: CloudEvents SQL 1.0 as a filter."""

from __future__ import annotations

from dataclasses import dataclass

from knative.local.broker.filters.base import Attributes
from knative.local.broker.filters.cesql.nodes import Node
from knative.local.broker.filters.cesql.parser import parse
from knative.local.broker.filters.cesql.values import CesqlError


@dataclass(frozen=True)
class CesqlFilter:
    """Passes if the expression is true; an expression without value for an event (an error) is not."""

    text: str
    expression: Node

    def matches(self, event: Attributes) -> bool:
        try:
            return self.expression.evaluate(event) is True
        except CesqlError:
            return False

    def required(self) -> tuple[str, frozenset[str]] | None:
        """Return None: the expression has to be evaluated."""
        return None


def compile_cesql(text: str) -> CesqlFilter:
    """Compile an expression.

    Raises:
        CesqlError: it does not parse, calls a function that there is not, or can never be true or false.
    """
    expression = parse(text)
    if expression.type != "boolean":
        raise CesqlError(
            "parse",
            f"the expression gives a value of type {expression.type}, not true or false: use BOOL",
        )
    return CesqlFilter(text, expression)
