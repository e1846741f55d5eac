"""Drafts a model.yaml from a sample of a data file: what the file suggests, and every default in comments.

A line that starts with `#` and a key is a setting at its default, or an example: delete the `#` to change it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.spec.columns import Kind
from pipelines.spec.reference import default_of, key_of, sections, yaml_of
from pipelines.spec.section import Section
from pipelines.spec.task import task_of_numbers
from pipelines.values.form import PLAIN, Form


class UnknownTarget(Exception):
    """The file has no such column; the message names the nearest."""


@dataclass(frozen=True)
class DraftColumn:
    """A column of the file: its kind, how it is written, and some of its values as they were read.

    None is a missing value.
    """

    name: str
    kind: Kind
    form: Form = PLAIN
    values: Sequence[Any] = ()

    @property
    def present(self) -> list[Any]:
        """The values that are there."""
        return [value for value in self.values if value is not None]

    @property
    def complete(self) -> bool:
        """Whether there are values, and none is missing."""
        return bool(self.values) and len(self.present) == len(self.values)


def check_target(target: str, names: Sequence[str]) -> None:
    """Raise UnknownTarget unless the target is one of a file's columns."""
    if target not in names:
        nearest = difflib.get_close_matches(target, names, n=1, cutoff=0.0)
        raise UnknownTarget(
            f"the file has no column {target!r}; did you mean {nearest[0] if nearest else '?'!r}? "
            f"it has {', '.join(names)}"
        )


def draft_spec(columns: Sequence[DraftColumn], *, target: str, model: str | None = None) -> str:
    """Write a model.yaml for a file.

    Args:
        columns: of the file, in order.
        target: the column to predict.
        model: the model's name; left out it is the folder's.

    Raises:
        UnknownTarget: there is no such column.
    """
    check_target(target, [column.name for column in columns])
    lines = [
        "# Drop this file into the model's folder beside its data. Only `target` is required; lines that",
        "# start with # and a key show a default or an example: delete the # to change it.",
        f"model: {yaml_of(model)}" if model else "#model: churn",
        f"target: {yaml_of(target)}",
        *_task(next(column for column in columns if column.name == target)),
        _entity_line(_entity(columns, target)),
        f"#timestamp: {yaml_of(_timestamp(columns, target))}  # event time; splits are then by time",
        "",
        *_schema(columns),
    ]
    for key, section in sections().items():
        lines += ["", f"#{key}:", *_defaults(section)]
    return "\n".join(lines) + "\n"


def _task(column: DraftColumn) -> list[str]:
    distinct = set(column.present)
    if column.kind not in (Kind.INTEGER, Kind.NUMBER):
        return _task_line("classification", len(distinct))
    whole = all(float(number).is_integer() for number in distinct)
    integer = column.kind is Kind.INTEGER
    return _task_line(task_of_numbers(len(distinct), integer=integer, whole=whole), len(distinct))


def _task_line(task: str, distinct: int) -> list[str]:
    return [f"#task: {task}  # the target has {distinct} different values in the sample"]


def _entity(columns: Sequence[DraftColumn], target: str) -> str | None:
    """Find a column that looks like a key: named like one, and different in every row."""
    for column in columns:
        named = re.search(r"(^|_)(id|key|uuid)$|Id$|ID$", column.name)
        fits = column.name != target and column.kind in (Kind.INTEGER, Kind.CATEGORY) and column.complete
        if named and fits and len(set(column.values)) == len(column.values):
            return column.name
    return None


def _timestamp(columns: Sequence[DraftColumn], target: str) -> str:
    times = (each.name for each in columns if each.kind is Kind.DATETIME and each.name != target)
    return next(times, "seen_at")


def _entity_line(column: str | None) -> str:
    line = f"entity: {yaml_of(column or 'customer_id')}  # names one subject, and is no feature"
    return line if column else "#" + line


def _schema(columns: Sequence[DraftColumn]) -> list[str]:
    lines = [
        "# What is not said here is inferred from the first file. Rules: nullable, min, max, values.",
        "#schema:",
    ]
    for column in columns:
        rule = f"type: {column.kind.value}"
        if column.form.format is not None:
            rule += f", format: {yaml_of(column.form.format)}"
        if column.kind in (Kind.NUMBER, Kind.INTEGER) and column.form.decimal != ".":
            rule += f", decimal: {yaml_of(column.form.decimal)}"
        if column.complete:
            rule += ", nullable: false"
        lines.append(f"#  {yaml_of(column.name)}: {{{rule}}}")
    return lines


def _defaults(section: type[Section]) -> list[str]:
    lines = []
    for name, info in section.model_fields.items():
        default = default_of(info)
        example = str(info.examples[0]) if info.examples else "null"
        value = example if default in (None, ()) else yaml_of(default)
        lines.append(f"#  {key_of(name, info)}: {value}  # {info.description}")
    return lines
