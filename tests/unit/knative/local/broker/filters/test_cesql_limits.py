"""Expressions of CloudEvents SQL that are too long, too deep or slow."""

from __future__ import annotations

import time

import pytest

from knative.local.broker.filters.cesql import compile_cesql
from knative.local.broker.filters.cesql.parser import parse
from knative.local.broker.filters.cesql.values import CesqlError

EVENT = {
    "id": "1",
    "type": "dev.kascade.x",
    "source": "/s",
    "num": "5",
    "flag": "true",
    "name": "Ab",
    "pct": "a%c",
}


@pytest.mark.parametrize("pattern", ["%/%/%/%.csv", "%a%a%a%a%a%b", "%_%_%_%_%/x", "/%/_%/%/%/%x"])
@pytest.mark.parametrize("text", ["/" * 4096, "a" * 4096, "/a" * 2048])
def test_like_is_quick_however_many_places_could_fit(pattern: str, text: str) -> None:
    started = time.process_time()

    assert parse(f"subject LIKE '{pattern}'").evaluate({"subject": text}) is False

    assert time.process_time() - started < 0.5


@pytest.mark.case("S6", "2,000 terms, 1 M terms, deep nesting of every kind")
@pytest.mark.parametrize(
    "text",
    [
        "+".join(["0"] * 1_000_000) + " = 0",
        "+".join(["0"] * 2049) + " = 0",
        "NOT " * 2000 + "true",
        "-" * 2000 + "1 = 1",
        "(" * 33 + "true" + ")" * 33,
        "UPPER(" * 40 + "id" + ")" * 40 + " = 'A'",
        "true IN (" * 40 + "true" + ")" * 40,
        "id" + " LIKE '%'" * 40,
    ],
)
def test_what_is_too_long_or_too_deep_is_refused_at_once(text: str) -> None:
    started = time.process_time()

    with pytest.raises(CesqlError) as caught:
        compile_cesql(text)

    assert caught.value.kind == "parse"
    assert time.process_time() - started < 0.1


@pytest.mark.case("S6", "the longest and deepest that are taken, evaluated from a deep stack")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("+".join(["0"] * 2046) + "=0", True),
        (" OR ".join(["id='2'"] * 370) + " OR TRUE", True),
        ("NOT " * 31 + "true", False),
        ("(" * 31 + "true" + ")" * 31, True),
        ("UPPER(" * 31 + "id" + ")" * 31 + "='1'", True),
        ("id IN (" + ",".join(["'2'"] * 1000) + ")", False),
        ("id LIKE '" + "%_" * 2000 + "'", False),
        ("true XOR " * 450 + "true", True),
    ],
)
def test_what_is_taken_can_be_evaluated_anywhere(text: str, value: bool) -> None:
    compiled = compile_cesql(text)

    def deep(levels: int) -> bool:
        return deep(levels - 1) if levels else compiled.matches(EVENT)

    assert deep(300) is value


@pytest.mark.case("S6", "the dearest expressions that are taken")
@pytest.mark.parametrize(
    "text",
    [
        f"x LIKE '%{'_' * 3900}b%'",
        "UPPER(" * 25 + "CONCAT(" + ",".join(["x"] * 1900) + ")" + ")" * 25 + "=''",
        " OR ".join(["x LIKE '%" + "_" * 500 + "b'"] * 7),
    ],
)
def test_what_is_taken_costs_little_for_each_event(text: str) -> None:
    compiled = compile_cesql(text)
    started = time.process_time()

    compiled.matches({"x": "a" * 4096})

    assert time.process_time() - started < 1.0
