"""The JSON Schema of model.yaml accepts what the file may say, and refuses what editors should mark."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pipelines.spec import parse_spec
from pipelines.spec.document import load
from pipelines.spec.model import SECTIONS, ModelSpec
from pipelines.spec.reference import key_of, yaml_of
from pipelines.spec.schema import json_schema

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
KEYS = [
    (section, key_of(name, info), info)
    for section in SECTIONS.values()
    for name, info in section.model_fields.items()
]


def problems(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(load(text.encode()).value)]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("section", "key", "info"), KEYS, ids=[f"{s.__name__}.{k}" for s, k, _ in KEYS])
def test_the_example_and_the_default_of_each_key_are_valid(section: Any, key: str, info: Any) -> None:
    described = SCHEMA if section is ModelSpec else SCHEMA["$defs"][section.__name__]
    described = {**described["properties"][key], "$defs": SCHEMA["$defs"]}
    values = [
        *described["examples"],
        *([described["default"]] if described.get("default") is not None else []),
    ]
    assert described["description"] == info.description
    for value in values:
        assert [error.message for error in Draft202012Validator(described).iter_errors(value)] == []


@pytest.mark.parametrize(
    "text",
    [
        "target: y",
        "target: y\ntrain: {window: auto}",
        "target: y\ntrain: {window: 12}",
        "target: y\ntrain: {window: {rows: 1000, auto: true}}",
        "target: y\ntrain: {code: train.py, params: {depth: [3, 6], rate: 0.1}}",
        "target: y\nschema: {a: {type: float, min: 0}, b: {values: [x, z]}}",
        "target: y\ndrift: {features: [a, b]}",
        "target: y\nrollout: {phases: [], deadline: 1h30m}\nlabels: {window: 10s}",
    ],
)
def test_what_is_read_without_a_problem_has_none_here(text: str) -> None:
    parse_spec(text.encode(), model="churn")
    assert problems(text) == []


def test_what_a_spec_says_in_full_is_valid() -> None:
    spec = parse_spec(b"target: y", model="churn")
    written = "\n".join(f"{key}: {yaml_of(value)}" for key, value in spec.model_dump(by_alias=True).items())
    assert problems(written) == []


@pytest.mark.parametrize(
    "text",
    [
        "model: churn",
        "target: y\ntrain: {holdot: 0.2}",
        "target: y\nretrain: {cooldown: 6 hours}",
        "target: y\ntrain: {holdout: '0.2'}",
        "target: y\nrollout: {phases: [canary, shade]}",
    ],
)
def test_what_is_refused_is_marked(text: str) -> None:
    assert problems(text) != []
