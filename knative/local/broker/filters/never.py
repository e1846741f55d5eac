"""Which filters no event can ever pass: valid, and yet a mistake of whoever wrote them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from eventing.attributes import check_attribute
from knative.local.broker.filters.all_of import AllFilter
from knative.local.broker.filters.any_of import AnyFilter
from knative.local.broker.filters.attributes import AttributesFilter
from knative.local.broker.filters.base import Filter
from knative.local.broker.filters.cesql import CesqlFilter
from knative.local.broker.filters.cesql.values import CesqlError
from knative.local.broker.filters.exact import ExactFilter
from knative.local.broker.filters.prefix import PrefixFilter
from knative.local.broker.filters.suffix import SuffixFilter

_VERSIONS = ("1.0", "0.3")


def why_never(filter_: Filter) -> str | None:
    """Return why no event passes a filter, None if one could.

    What is found: contradictions between parts that must all pass, values that no attribute has, and CESQL
    that is false or an error whatever the event is.
    """
    if isinstance(filter_, AnyFilter):
        reasons = [why_never(part) for part in filter_.parts]
        return reasons[0] if None not in reasons else None
    if isinstance(filter_, CesqlFilter):
        return _why_never_true(filter_)
    if isinstance(filter_, AllFilter):
        for part in filter_.parts:
            if (why := why_never(part)) is not None:
                return why
    return _why_contradictory(filter_)


def _why_contradictory(filter_: Filter) -> str | None:
    demands = list(_demands(filter_))
    values: dict[str, str] = {}
    for name, kind, value in demands:
        if kind != "is":
            continue
        if values.setdefault(name, value) != value:
            return f"{name} cannot be {values[name]!r} and {value!r} at once"
        if name == "specversion" and value not in _VERSIONS:
            return f"specversion is never {value!r}"
        if (wrong := check_attribute(name, value)) is not None:
            return f"no event has {name} {value!r}: it {wrong}"
    edges = [demand for demand in demands if demand[1] != "is"]
    found = (_why_no_edge(name, kind, value, values, edges) for name, kind, value in edges)
    return next((why for why in found if why is not None), None)


def _why_no_edge(
    name: str, kind: str, value: str, values: dict[str, str], edges: list[tuple[str, str, str]]
) -> str | None:
    """Return why an attribute cannot begin or end with a value, besides what else it has to be."""
    fits = str.startswith if kind == "begins" else str.endswith
    if name in values and not fits(values[name], value):
        return f"{name} {values[name]!r} never {kind} with {value!r}"
    for other in (other for *same, other in edges if same == [name, kind] and len(other) >= len(value)):
        if not fits(other, value):
            return f"{name} never {kind} with both {other!r} and {value!r}"
    return None


def _demands(filter_: Filter) -> Iterator[tuple[str, str, str]]:
    """Yield (attribute, `is`, `begins` or `ends`, value) of all that must hold at once."""
    if isinstance(filter_, AllFilter):
        for part in filter_.parts:
            yield from _demands(part)
    elif isinstance(filter_, ExactFilter):
        yield from ((name, "is", value) for name, value in filter_.wanted.items())
    elif isinstance(filter_, AttributesFilter):
        yield from ((name, "is", value) for name, value in filter_.wanted.items() if value)
    elif isinstance(filter_, PrefixFilter):
        yield from ((name, "begins", value) for name, value in filter_.wanted.items())
    elif isinstance(filter_, SuffixFilter):
        yield from ((name, "ends", value) for name, value in filter_.wanted.items())


class _DependsOnTheEvent(Exception):
    pass


class _Asked(dict[str, str]):
    """An event that tells when it is looked at."""

    def __getitem__(self, name: str) -> NoReturn:
        raise _DependsOnTheEvent

    def __contains__(self, name: object) -> NoReturn:
        raise _DependsOnTheEvent


def _why_never_true(filter_: CesqlFilter) -> str | None:
    try:
        value = filter_.expression.evaluate(_Asked())
    except _DependsOnTheEvent:
        return None
    except CesqlError as error:
        return f"the expression has no value, whatever the event is: {error}"
    return None if value is True else "the expression is false, whatever the event is"
