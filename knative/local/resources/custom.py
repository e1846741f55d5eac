"""Kinds of other platforms: kept, checked and shown, for a controller elsewhere to act on.

What they look like is data: a file of `crds/` for each, with the part of the published
CustomResourceDefinition that we use and where it is from. An OpenAPI schema is read as closed, as
`fieldValidation=Strict` reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.local.resources.fields import FLAG, Fields, Items, Mapped, Problem, Rule, Scalar

Json = dict[str, Any]
_FOLDER = Path(__file__).parent / "crds"
_WHY = "checked, kept and shown; the platform that it is for does not run on one machine"


@dataclass(frozen=True)
class Definition:
    """One kind as its file says it."""

    group: str
    version: str
    name: str
    short: tuple[str, ...]
    spec: Rule


def definitions() -> Iterator[Definition]:
    """Yield the kinds of the folder, by the names of their files."""
    for file in sorted(_FOLDER.glob("*.json")):
        published = json.loads(file.read_text())
        spec = Shown(rule_of(published["spec"]))
        yield Definition(
            published["group"], published["version"], published["kind"], tuple(published["shortNames"]), spec
        )


@dataclass(frozen=True)
class Shown(Rule):
    """What has no effect here by itself, and is checked all the same."""

    rule: Rule

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        yield from self.rule.check(value, path)

    def accepted(self, path: str) -> Iterator[tuple[str, str]]:
        yield path, _WHY


@dataclass(frozen=True)
class Anything(Rule):
    """A field with `x-kubernetes-preserve-unknown-fields`."""

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        yield from ()


def rule_of(schema: Mapping[str, Any]) -> Rule:
    """Return the rule that a structural schema says."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return Anything()
    if schema.get("x-kubernetes-int-or-string"):
        return Scalar((int, str), "a number or a string", _test_of(schema))
    match schema["type"]:
        case "object" if "additionalProperties" in schema:
            return Mapped(rule_of(schema["additionalProperties"]))
        case "object":
            known = {name: rule_of(each) for name, each in schema.get("properties", {}).items()}
            return Fields(known, tuple(schema.get("required", ())))
        case "array":
            return Items(rule_of(schema["items"]), schema.get("minItems", 0), schema.get("maxItems"))
        case "integer":
            return Scalar((int,), "an integer", _test_of(schema))
        case "number":
            return Scalar((int, float), "a number", _test_of(schema))
        case "boolean":
            return FLAG
        case _:
            return Scalar((str,), "a string", _test_of(schema))


@dataclass(frozen=True)
class _Test:
    """What a schema asks of one value beyond its type."""

    enum: tuple[Any, ...]
    pattern: str | None
    low: float | None
    high: float | None

    def __call__(self, value: Any) -> str | None:
        if self.enum and value not in self.enum:
            return f"must be one of {', '.join(map(str, self.enum))}"
        if self.pattern is not None and isinstance(value, str) and not re.search(self.pattern, value):
            return f"must match {self.pattern}"
        if isinstance(value, int | float):
            if self.low is not None and value < self.low:
                return f"must be {self.low} or more"
            if self.high is not None and value > self.high:
                return f"must be {self.high} or less"
        return None


def _test_of(schema: Mapping[str, Any]) -> _Test:
    low, high = schema.get("minimum"), schema.get("maximum")
    if schema.get("format") == "int32":
        low = -(2**31) if low is None else low
        high = 2**31 - 1 if high is None else high
    return _Test(tuple(schema.get("enum", ())), schema.get("pattern"), low, high)
