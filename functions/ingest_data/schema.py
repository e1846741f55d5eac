"""The schema that a model's data keeps: columns, their kinds and rules, and the roles of some of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from eventing.catalogue import Problem
from pipelines.spec import ColumnRule, Kind, ModelSpec
from pipelines.values.form import PLAIN, Form
from pipelines.values.reading import read_label

NUMERIC = (Kind.NUMBER, Kind.INTEGER)


@dataclass(frozen=True)
class Column:
    """One column. A datetime's bounds are ISO dates; `form` is how its values are written."""

    name: str
    kind: Kind
    nullable: bool = True
    min: float | int | str | None = None
    max: float | int | str | None = None
    values: tuple[Any, ...] | None = None
    form: Form = PLAIN


@dataclass(frozen=True)
class DataSchema:
    """What every part of a dataset has in common, in the order of its columns."""

    columns: tuple[Column, ...]
    target: str
    entity: str | None = None
    timestamp: str | None = None
    task: str | None = None
    classes: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column | None:
        """Return a column by name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def to_json(self) -> str:
        """Write it canonically, so that equal schemas have equal digests."""
        columns = [
            {
                "name": column.name,
                "kind": column.kind.value,
                "nullable": column.nullable,
                "min": column.min,
                "max": column.max,
                "values": None if column.values is None else list(column.values),
                "format": None,
                **column.form.to_json(),
            }
            for column in self.columns
        ]
        roles = {"target": self.target, "entity": self.entity, "timestamp": self.timestamp}
        outcome = {"task": self.task, "classes": None if self.classes is None else list(self.classes)}
        return json.dumps({"columns": columns, **roles, **outcome}, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> DataSchema:
        """Read what `to_json` wrote."""
        found = json.loads(text)
        columns = tuple(
            Column(
                name=column["name"],
                kind=Kind(column["kind"]),
                nullable=column["nullable"],
                min=column["min"],
                max=column["max"],
                values=None if column["values"] is None else tuple(column["values"]),
                form=Form.from_json(column),
            )
            for column in found["columns"]
        )
        classes = None if found["classes"] is None else tuple(found["classes"])
        return cls(columns, found["target"], found["entity"], found["timestamp"], found["task"], classes)

    @property
    def sha256(self) -> str:
        """The digest of its canonical text."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def under(spec: ModelSpec, kinds: Sequence[Column]) -> DataSchema:
    """Return the schema of columns whose kinds are kept or were just inferred, with the rules of the spec.

    Kinds and formats stay; bounds, allowed values, nullability and roles are the spec's.
    """
    columns = tuple(_ruled(spec, column) for column in kinds)
    target = spec.schema_.get(spec.target)
    regression = spec.task == "regression"
    classes = (
        None if regression or target is None or target.values is None else tuple(map(text_of, target.values))
    )
    return DataSchema(columns, spec.target, spec.entity, spec.timestamp, spec.task, classes)


def _ruled(spec: ModelSpec, column: Column) -> Column:
    rule = spec.schema_.get(column.name, ColumnRule())
    required = column.name in (spec.entity, spec.timestamp)
    values = rule.values
    if values is not None and column.kind not in NUMERIC:
        values = tuple(text_of(value) for value in values)
    return replace(
        column,
        nullable=rule.nullable and not required,
        min=rule.min,
        max=rule.max,
        values=values,
        form=replace(
            column.form,
            format=rule.format or column.form.format,
            decimal=rule.decimal or column.form.decimal,
            grouped=column.form.grouped or rule.decimal is not None,
            missing=spec.ingest.missing,
        ),
    )


def text_of(value: Any) -> str:
    """Write a value of model.yaml or of JSON as a category's text: 1.0 and 1 are the same, true is `true`."""
    return value if isinstance(value, str) else read_label(value) or ""


def conflicts(kept: DataSchema, spec: ModelSpec) -> list[Problem]:
    """Return why a changed spec does not fit a dataset that has parts already; empty when it fits."""
    problems = []
    elsewhere = "drop this model.yaml and its data into a new folder; the dataset of this one stays as it is"
    if spec.target != kept.target:
        problem = f"got {spec.target!r}, but the dataset's parts were checked with the target {kept.target!r}"
        problems.append(Problem(where="target", problem=problem, fix=elsewhere))
    for role, name in (("entity", spec.entity), ("timestamp", spec.timestamp)):
        column = None if name is None else kept.column(name)
        if name is not None and column is None:
            problem = f"the dataset's parts have no column {name!r}"
            problems.append(Problem(where=role, problem=problem, fix=f"one of {', '.join(kept.names[:30])}"))
        elif role == "timestamp" and column is not None and column.kind is not Kind.DATETIME:
            problem = f"{name!r} is kept as {column.kind.value} in the dataset's parts, not as datetime"
            problems.append(Problem(where=role, problem=problem, fix=elsewhere))
    for name, rule in spec.schema_.items():
        column = kept.column(name)
        if column is None:
            problem = f"the dataset's parts have no column {name!r}"
            problems.append(
                Problem(where=f"schema.{name}", problem=problem, fix=f"remove it, or {elsewhere}")
            )
        elif rule.kind is not None and rule.kind is not column.kind:
            problem = f"got {rule.kind.value}, but the dataset's parts keep it as {column.kind.value}"
            problems.append(Problem(where=f"schema.{name}.type", problem=problem, fix=elsewhere))
        elif rule.bounded and column.kind not in (*NUMERIC, Kind.DATETIME):
            problem = f"got min or max, but the dataset's parts keep it as {column.kind.value}"
            problems.append(Problem(where=f"schema.{name}", problem=problem, fix=elsewhere))
    return problems
