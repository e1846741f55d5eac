from __future__ import annotations

from typing import Any

import pytest

from knative.local.broker.errors import InvalidSpec
from knative.local.broker.filters import parse_filters


@pytest.mark.parametrize(
    "spec", [{}, {"filter": None}, {"filter": {}}, {"filter": {"attributes": {}}}, {"filters": []}]
)
def test_69_no_filter_lets_every_event_pass(spec: dict[str, Any]) -> None:
    assert parse_filters(spec).matches({})


def test_70_filters_override_filter_unless_they_are_empty() -> None:
    old = {"attributes": {"type": "a"}}

    assert parse_filters({"filter": old, "filters": [{"exact": {"type": "b"}}]}).matches({"type": "b"})
    assert parse_filters({"filter": old, "filters": []}).matches({"type": "a"})
    assert not parse_filters({"filter": old, "filters": []}).matches({"type": "b"})


def test_71_several_filters_must_all_pass() -> None:
    both = parse_filters({"filters": [{"exact": {"type": "a"}}, {"prefix": {"source": "/x"}}]})

    assert both.matches({"type": "a", "source": "/x/y"})
    assert not both.matches({"type": "a", "source": "/y"})


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"filters": [{"exact": {"type": "a"}, "prefix": {"type": "a"}}]}, "spec.filters[0]"),
        ({"filters": [{}]}, "spec.filters[0]"),
        ({"filters": ["x"]}, "spec.filters[0]"),
        ({"filters": {"exact": {}}}, "spec.filters"),
        ({"filters": [{"glob": {"type": "a"}}]}, "spec.filters[0].glob"),
        ({"filters": [{"exact": {}}]}, "spec.filters[0].exact"),
        ({"filters": [{"exact": {"Type": "a"}}]}, "spec.filters[0].exact.Type"),
        ({"filters": [{"exact": {"1type": "a"}}]}, "spec.filters[0].exact.1type"),
        ({"filters": [{"exact": {"type": 5}}]}, "spec.filters[0].exact.type"),
        ({"filters": [{"all": []}]}, "spec.filters[0].all"),
        (
            {"filters": [{"any": [{"not": {"suffix": {"ty-pe": "a"}}}]}]},
            "spec.filters[0].any[0].not.suffix.ty-pe",
        ),
        ({"filter": {"attributes": {"TYPE": "a"}}}, "spec.filter.attributes.TYPE"),
        ({"filter": {"types": {}}}, "spec.filter.types"),
        ({"filter": "x"}, "spec.filter"),
        (
            {"filter": {"attributes": {"A": "a"}}, "filters": [{"exact": {"type": "a"}}]},
            "spec.filter.attributes.A",
        ),
    ],
)
def test_78_a_malformed_filter_is_refused_naming_the_field(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        parse_filters(spec)

    assert field in [problem.path for problem in caught.value.problems]


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(InvalidSpec) as caught:
        parse_filters({"filters": [{"exact": {}}, {"glob": {}}, {"all": [{"prefix": {"A": 1}}]}]})

    assert len(caught.value.problems) == 4


@pytest.mark.case("S6", "filters nested or listed beyond all measure")
@pytest.mark.parametrize("wrap", [lambda part: {"not": part}, lambda part: {"all": [part]}])
@pytest.mark.parametrize("levels", [40, 100_000])
def test_filters_that_are_nested_too_deep_are_refused(wrap: Any, levels: int) -> None:
    part: Any = {"exact": {"type": "t"}}
    for _ in range(levels):
        part = wrap(part)

    with pytest.raises(InvalidSpec, match="levels deep"):
        parse_filters({"filters": [part]})


@pytest.mark.case("S6")
@pytest.mark.parametrize("part", [{"exact": {"type": "t"}}, {"cesql": "id = '" + "x" * 4000 + "'"}])
def test_filters_that_are_too_many_are_refused(part: Any) -> None:
    with pytest.raises(InvalidSpec, match="is larger than"):
        parse_filters({"filters": [part] * 1_000})
    parse_filters({"filters": [part] * 8})
