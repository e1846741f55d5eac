"""Trigger filters: one file per dialect, and the parser of `spec.filter` and `spec.filters`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from knative.local.broker.errors import InvalidSpec
from knative.local.broker.filters.all_of import AllFilter
from knative.local.broker.filters.any_of import AnyFilter
from knative.local.broker.filters.attributes import AttributesFilter
from knative.local.broker.filters.base import Attributes, Filter
from knative.local.broker.filters.bounds import why_too_large
from knative.local.broker.filters.cesql import compile_cesql
from knative.local.broker.filters.cesql.values import CesqlError
from knative.local.broker.filters.exact import ExactFilter
from knative.local.broker.filters.not_of import NotFilter
from knative.local.broker.filters.prefix import PrefixFilter
from knative.local.broker.filters.suffix import SuffixFilter
from knative.local.resources.fields import Problem

__all__ = ["Attributes", "Filter", "parse_filters"]

_NAME = re.compile(r"[a-z][a-z0-9]*")
_MATCHERS: Mapping[str, Callable[[Mapping[str, str]], Filter]] = {
    "exact": ExactFilter,
    "prefix": PrefixFilter,
    "suffix": SuffixFilter,
}
_GROUPS: Mapping[str, Callable[[tuple[Filter, ...]], Filter]] = {"all": AllFilter, "any": AnyFilter}
_DIALECTS = (*_MATCHERS, *_GROUPS, "not", "cesql")


def parse_filters(spec: Mapping[str, Any], field: str = "spec") -> Filter:
    """Compile `filter` and `filters` of a Trigger's spec; a non-empty `filters` overrides `filter`.

    Args:
        spec: the `spec` of a Trigger.
        field: the path of `spec`, for the problems.

    Raises:
        InvalidSpec: malformed; lists every problem with its field.
    """
    problems: list[Problem] = []
    several = spec.get("filters")
    if several is not None and not isinstance(several, list):
        raise InvalidSpec(Problem(f"{field}.filters", "must be a list"))
    if (why := why_too_large(several)) is not None:
        raise InvalidSpec(Problem(f"{field}.filters", why))
    if several:
        parts = [_parse(raw, f"{field}.filters[{at}]", problems) for at, raw in enumerate(several)]
        _check_rest(spec, field, problems)
        compiled: Filter = AllFilter(tuple(part for part in parts if part is not None))
    else:
        compiled = _parse_attributes(spec, field, problems)
    if problems:
        raise InvalidSpec(*problems)
    return compiled


def _check_rest(spec: Mapping[str, Any], field: str, problems: list[Problem]) -> None:
    """An overridden `filter` is not used, but a malformed one is refused as Knative's webhook does."""
    if spec.get("filter") is not None:
        _parse_attributes(spec, field, problems)


def _parse_attributes(spec: Mapping[str, Any], field: str, problems: list[Problem]) -> Filter:
    raw = spec.get("filter")
    if raw is None:
        return AllFilter(())
    if not isinstance(raw, Mapping):
        problems.append(Problem(f"{field}.filter", "must be an object with `attributes`"))
        return AllFilter(())
    problems.extend(
        Problem(f"{field}.filter.{key}", "is not supported; use `attributes`")
        for key in raw
        if key != "attributes"
    )
    attributes = raw.get("attributes")
    if not attributes:
        return AllFilter(())
    return AttributesFilter(_parse_map(attributes, f"{field}.filter.attributes", problems))


def _parse(raw: Any, field: str, problems: list[Problem]) -> Filter | None:
    if not isinstance(raw, Mapping) or len(raw) != 1:
        problems.append(Problem(field, f"must be an object with exactly one of {', '.join(_DIALECTS)}"))
        return None
    ((dialect, value),) = raw.items()
    where = f"{field}.{dialect}"
    if dialect in _MATCHERS:
        return _MATCHERS[dialect](_parse_map(value, where, problems, at_least_one=True))
    if dialect in _GROUPS:
        return _parse_group(dialect, value, where, problems)
    if dialect == "not":
        part = _parse(value, where, problems)
        return NotFilter(part) if part is not None else None
    if dialect == "cesql":
        return _parse_cesql(value, where, problems)
    problems.append(Problem(where, f"is no filter dialect; there are {', '.join(_DIALECTS)}"))
    return None


def _parse_group(dialect: str, value: Any, where: str, problems: list[Problem]) -> Filter | None:
    if not isinstance(value, list) or not value:
        problems.append(Problem(where, "must be a non-empty list of filters"))
        return None
    parts = [_parse(entry, f"{where}[{at}]", problems) for at, entry in enumerate(value)]
    return _GROUPS[dialect](tuple(part for part in parts if part is not None))


def _parse_cesql(value: Any, where: str, problems: list[Problem]) -> Filter | None:
    try:
        return compile_cesql(value if isinstance(value, str) else "")
    except CesqlError as error:
        problems.append(Problem(where, str(error)))
        return None


def _parse_map(
    raw: Any, field: str, problems: list[Problem], *, at_least_one: bool = False
) -> Mapping[str, str]:
    if not isinstance(raw, Mapping) or (at_least_one and not raw):
        problems.append(Problem(field, "must be an object of attribute names and values"))
        return {"id": ""}
    for name, value in raw.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            problems.append(
                Problem(
                    f"{field}.{name}", "is no attribute name: a lower-case letter, then letters and digits"
                )
            )
        if not isinstance(value, str):
            problems.append(Problem(f"{field}.{name}", "must be a string (quote numbers and booleans)"))
    return dict(raw)
