"""YAML as model.yaml has it: words stay words, and what cannot be read says why."""

from __future__ import annotations

import codecs
import json

import pytest

from pipelines.spec import (
    MAX_SPEC_BYTES,
    Kind,
    parse_spec,
)

from .conftest import only_problem, problems_of


def test_words_that_yaml_1_1_would_turn_into_booleans_or_dates_stay_words() -> None:
    raw = b"target: on\nentity: no\nschema: {country: {values: [no, yes, on, 2026-01-01]}, off: text}\n"
    spec = parse_spec(raw, model="churn")

    assert (spec.target, spec.entity) == ("on", "no")
    assert spec.schema_["country"].values == ("no", "yes", "on", "2026-01-01")
    assert spec.schema_["off"].kind is Kind.TEXT


def test_columns_may_be_named_like_numbers() -> None:
    spec = parse_spec(b"target: '2'\nschema: {1: int, true: bool}\n", model="churn")

    assert list(spec.schema_) == ["1", "true"]


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"a: &x [1]\nb: *x", "an alias (*x)"),
        (b"target: y\n---\ntarget: z", "a second YAML document"),
        (b"[" * 5000, "nested deeper than 12 levels"),
        (b"{a: " * 5000, "nested deeper than 12 levels"),
        (b"target: [", "not valid YAML"),
        (b"target: y: z", "not valid YAML: mapping values are not allowed in this context"),
        (b"? [a]\n: b", "a key that is not a word"),
        (b"- a\n- b", "expected a mapping"),
        (b"just text", "expected a mapping"),
        (b"\x00", "not valid YAML"),
        (b"target: y\n\xff", "not utf-8-sig text: byte 10 is 0xff"),
        (b"target: y\n#" + b"x" * MAX_SPEC_BYTES, "expected at most 262144"),
        (b"schema: {" + b"a: ,\n" * 60_000 + b"}", "expected at most 262144"),
        (b"- " * 100_000, "nested deeper"),
        (b"", "the key `target` is missing"),
        (b"# nothing\n", "the key `target` is missing"),
    ],
)
def test_yaml_that_cannot_be_taken_says_why(raw: bytes, problem: str) -> None:
    assert problem in problems_of(raw)[0].problem


def test_too_many_values_are_refused() -> None:
    assert "more than 50000 values" in only_problem(b"a: [" + b"1," * 60_000 + b"]").problem


def test_tags_are_refused_and_the_rest_is_still_read() -> None:
    found = problems_of(b"target: !!python/object:os.system x\nseed: 1\n")

    assert "a tag (tag:yaml.org,2002:python/object:os.system)" in found[0].problem
    assert "unknown key `seed`" in found[1].problem


def test_utf_16_with_a_byte_order_mark_is_read() -> None:
    raw = codecs.BOM_UTF16_LE + "target: prénom\n".encode("utf-16-le")

    assert parse_spec(raw, model="churn").target == "prénom"


@pytest.mark.parametrize(
    "name", ["hex", "zlib", "rot13", "idna", "unicode_escape", "undefined", "utf-7", "\x00"]
)
def test_codecs_that_are_no_encoding_of_files_are_refused(name: str) -> None:
    raw = f"target: y\ningest: {{encoding: {json.dumps(name)}}}".encode()

    assert "expected a known encoding" in only_problem(raw).problem
