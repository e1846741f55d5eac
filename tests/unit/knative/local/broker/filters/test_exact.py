from __future__ import annotations

import pytest

from knative.local.broker.filters.exact import ExactFilter


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({"type": "a.b"}, True),
        ({"type": "a.b", "num": "5"}, True),
        ({"type": "a.b", "num": "6"}, False),
        ({"type": "A.b"}, False),
        ({"type": "a"}, False),
        ({"subject": "x"}, False),
        ({"subject": ""}, False),
    ],
)
def test_72_every_attribute_must_be_there_and_equal(wanted: dict[str, str], passes: bool) -> None:
    assert ExactFilter(wanted).matches({"type": "a.b", "num": "5"}) is passes


def test_one_attribute_decides_with_its_only_value() -> None:
    assert ExactFilter({"num": "5", "type": "a"}).required() == ("type", frozenset({"a"}))
