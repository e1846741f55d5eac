"""Drafts a model.yaml from a sample of a data file: what the file suggests, and every default in comments.

A line that starts with `#` and a key is a setting at its default, or an example: delete the `#` to change it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from datetime import datetime

from pipelines.spec.columns import Kind
from pipelines.spec.reference import default_of, key_of, sections, yaml_of
from pipelines.spec.sample import Sample
from pipelines.spec.section import Section
from pipelines.spec.task import task_of_numbers

_MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "?"}
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_WHOLE = re.compile(r"[-+]?(0|[1-9]\d{0,17})")
_MOST = 0.95


class UnknownTarget(Exception):
    """The file has no such column; the message names the nearest."""


def draft_spec(sample: Sample, *, target: str, model: str | None = None) -> str:
    """Write a model.yaml for a file.

    Args:
        sample: the file's first rows.
        target: the column to predict.
        model: the model's name; left out it is the folder's.

    Raises:
        UnknownTarget: the sample has no such column.
    """
    if target not in sample:
        nearest = difflib.get_close_matches(target, list(sample), n=1, cutoff=0.0)
        raise UnknownTarget(
            f"the file has no column {target!r}; did you mean {nearest[0] if nearest else '?'!r}? "
            f"it has {', '.join(sample)}"
        )
    kinds = {name: guess_kind(values) for name, values in sample.items()}
    lines = [
        "# Drop this file into the model's folder beside its data. Only `target` is required; lines that",
        "# start with # and a key show a default or an example: delete the # to change it.",
        f"model: {yaml_of(model)}" if model else "#model: churn",
        f"target: {yaml_of(target)}",
        *_task(sample[target], kinds[target]),
        _entity_line(_entity(sample, kinds, target)),
        f"#timestamp: {yaml_of(_timestamp(kinds, target))}  # event time; splits are then by time",
        "",
        *_schema(sample, kinds),
    ]
    for key, section in sections().items():
        lines += ["", f"#{key}:", *_defaults(section)]
    return "\n".join(lines) + "\n"


def guess_kind(values: Sequence[str | None]) -> Kind:
    """Guess a column's kind from some of its values as text."""
    present = [value for value in values if value is not None and not _is_missing(value)]
    if not present:
        return Kind.CATEGORY
    tests: list[tuple[Kind, Callable[[str], bool]]] = [
        (Kind.INTEGER, lambda text: bool(_WHOLE.fullmatch(text))),
        (Kind.NUMBER, lambda text: bool(_NUMBER.fullmatch(text)) and not _is_code(text)),
        (Kind.BOOLEAN, lambda text: text.lower() in ("true", "false")),
        (Kind.DATETIME, _is_date),
    ]
    for kind, test in tests:
        needed = 1.0 if kind is Kind.INTEGER else _MOST
        if sum(test(value.strip()) for value in present) >= needed * len(present):
            return kind
    words = sum(len(value.split()) for value in present) / len(present)
    return Kind.TEXT if words >= 4 else Kind.CATEGORY


def _is_missing(value: str) -> bool:
    return value.strip().lower() in _MISSING


def _is_code(text: str) -> bool:
    digits = text.lstrip("+-")
    return len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return text[4:5] == "-"


def _task(values: Sequence[str | None], kind: Kind) -> list[str]:
    texts = {value.strip() for value in values if value is not None and not _is_missing(value)}
    if kind not in (Kind.INTEGER, Kind.NUMBER):
        return _task_line("classification", len(texts))
    integer = kind is Kind.INTEGER
    numbers = {int(text) if integer else float(text) for text in texts if _NUMBER.fullmatch(text)}
    whole = all(float(number).is_integer() for number in numbers)
    return _task_line(task_of_numbers(len(numbers), integer=integer, whole=whole), len(numbers))


def _task_line(task: str, distinct: int) -> list[str]:
    return [f"#task: {task}  # the target has {distinct} different values in the sample"]


def _entity(sample: Sample, kinds: dict[str, Kind], target: str) -> str | None:
    """Find a column that looks like a key: named like one, and different in every row."""
    for name, values in sample.items():
        named = re.search(r"(^|_)(id|key|uuid)$|Id$|ID$", name)
        fits = name != target and kinds[name] in (Kind.INTEGER, Kind.CATEGORY)
        if named and fits and None not in values and len(set(values)) == len(values):
            return name
    return None


def _timestamp(kinds: dict[str, Kind], target: str) -> str:
    return next((name for name, kind in kinds.items() if kind is Kind.DATETIME and name != target), "seen_at")


def _entity_line(column: str | None) -> str:
    line = f"entity: {yaml_of(column or 'customer_id')}  # names one subject, and is no feature"
    return line if column else "#" + line


def _schema(sample: Sample, kinds: dict[str, Kind]) -> list[str]:
    lines = [
        "# What is not said here is inferred from the first file. Rules: nullable, min, max, values.",
        "#schema:",
    ]
    for name, values in sample.items():
        rule = f"type: {kinds[name].value}"
        if values and None not in values:
            rule += ", nullable: false"
        lines.append(f"#  {yaml_of(name)}: {{{rule}}}")
    return lines


def _defaults(section: type[Section]) -> list[str]:
    lines = []
    for name, info in section.model_fields.items():
        default = default_of(info)
        example = str(info.examples[0]) if info.examples else "null"
        value = example if default in (None, ()) else yaml_of(default)
        lines.append(f"#  {key_of(name, info)}: {value}  # {info.description}")
    return lines
