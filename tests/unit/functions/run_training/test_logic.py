"""What follows an attempt, and which parameters a custom pipeline gets."""

from __future__ import annotations

import pytest

from functions.run_training.logic import Next, after_attempt, declared_parameters, fill_parameters
from pipelines.records import Failure, Fault


def failure(fault: Fault) -> Failure:
    return Failure("check", "said", "fix", fault)


@pytest.mark.parametrize(
    ("announced", "completed", "fault", "attempts", "expected"),
    [
        (True, True, None, 0, Next.NOTHING),
        (True, False, Fault.OWNER, 1, Next.NOTHING),
        (False, True, None, 0, Next.ANNOUNCE),
        (False, False, Fault.OWNER, 1, Next.ANNOUNCE),
        (False, False, Fault.CODE, 1, Next.ANNOUNCE),
        (False, False, Fault.SURROUNDINGS, 1, Next.RETRY),
        (False, False, Fault.SURROUNDINGS, 2, Next.RETRY),
        (False, False, Fault.SURROUNDINGS, 3, Next.ANNOUNCE),
        (False, False, None, 1, Next.RETRY),
        (False, False, None, 3, Next.ANNOUNCE),
    ],
)
def test_only_what_may_pass_is_tried_again_and_not_for_ever(
    announced: bool, completed: bool, fault: Fault | None, attempts: int, expected: Next
) -> None:
    found = after_attempt(
        announced=announced,
        completed=completed,
        failure=None if fault is None else failure(fault),
        attempts=attempts,
        max_attempts=3,
    )
    assert found is expected


def test_a_custom_pipeline_gets_what_it_declares_and_misses_what_has_no_default() -> None:
    declared = {
        "model": {"parameterType": "STRING"},
        "depth": {"parameterType": "NUMBER_INTEGER"},
        "trees": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3},
        "note": {"parameterType": "STRING", "isOptional": True},
    }
    assert fill_parameters(declared, {"model": "m", "version": 1}) == ({"model": "m"}, ["depth"])


@pytest.mark.parametrize(
    "package",
    [
        b"",
        b"x",
        b"- 1",
        b"root: 3",
        b"\xff\xfe\x00",
        b"a: [",
        b"x\n---\nroot: {}",
        b"root: {inputDefinitions: 4}",
    ],
)
def test_what_is_no_compiled_pipeline_declares_nothing(package: bytes) -> None:
    assert declared_parameters(package) is None


def test_a_compiled_pipeline_with_options_of_a_platform_is_two_documents() -> None:
    pipeline = b"root: {inputDefinitions: {parameters: {model: {parameterType: STRING}}}}"
    options = b"platforms: {kubernetes: {deploymentSpec: {}}}"
    assert declared_parameters(pipeline + b"\n---\n" + options) == {"model": {"parameterType": "STRING"}}


def test_a_pipeline_without_parameters_declares_none_of_them() -> None:
    assert declared_parameters(b"root: {dag: {}}") == {}
