"""Example payloads are accepted by their classes."""

from __future__ import annotations

import pytest

from eventing.catalogue import PAYLOADS
from eventing.payload import read_payload
from eventing.testing import build_event
from kascade.scaffold.examples import example_of


@pytest.mark.parametrize("type_", sorted(PAYLOADS))
def test_an_example_of_each_type_is_read_as_its_payload(type_: str) -> None:
    assert read_payload(build_event(type_, example_of(PAYLOADS[type_])), PAYLOADS[type_])


def test_an_example_has_the_required_fields_alone() -> None:
    example = example_of(PAYLOADS["dev.kascade.training.failed"])
    assert example == {
        "model": "churn",
        "version": 1,
        "run_id": "example",
        "step": "example",
        "error": "example",
    }
