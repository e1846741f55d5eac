"""Whatever the bytes, reading a model.yaml gives a spec or a SpecError, and a sensible one."""

from __future__ import annotations

import contextlib
import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventing.catalogue import Problem
from pipelines.spec import ModelSpec, SpecError, parse_spec
from pipelines.spec.model import SECTIONS
from pipelines.spec.parse import keys_of

_KEYS = sorted({key for section in SECTIONS.values() for key in keys_of(section)})
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["60s", "all", "[a]", "number", "2020-01-01", "s3://a/b", "auto", "dataset", "tabular"])
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=5), inner)
    ),
    max_leaves=12,
)
_DOCUMENTS = st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=6)


def attempt(raw: bytes) -> None:
    """Read it; what is refused must be able to travel in an event."""
    with contextlib.suppress(SpecError):
        try:
            assert isinstance(parse_spec(raw, model="churn"), ModelSpec)
        except SpecError as error:
            check_problems(error.problems)
            raise


def check_problems(problems: tuple[Problem, ...]) -> None:
    assert problems
    for problem in problems:
        assert problem.where
        assert problem.problem
        problem.model_dump_json()


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
@example(b'target: "\\ud800"')
@example(b'"\\ud800": 1')
@example(b"target: !!int x")
@example(b"a: " + b"9" * 5000)
@example(b"gate: {min: 1e9999}")
@example(b"\xef\xbb\xbftarget: y")
@example(b"%YAML 9.9\n---\na")
@example(b"target: y\n...\n...\n")
def test_no_bytes_raise_anything_but_a_spec_error(raw: bytes) -> None:
    attempt(raw)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="ab:{}[],-#&*!?|>'\"% \n\t\\0123~@`", max_size=60))
def test_no_text_of_yaml_signs_raises_anything_but_a_spec_error(text: str) -> None:
    attempt(text.encode())


@settings(deadline=None, max_examples=300)
@given(_DOCUMENTS)
def test_no_values_under_valid_keys_raise_anything_but_a_spec_error(document: dict[str, object]) -> None:
    attempt(json.dumps({"target": "y", **document}).encode())
