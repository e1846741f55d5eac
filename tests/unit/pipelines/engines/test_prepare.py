"""Which parameters a custom pipeline gets."""

from __future__ import annotations

import pytest

from pipelines.engines.prepare import declared_parameters, fill_parameters


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
