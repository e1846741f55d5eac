from __future__ import annotations

import pytest

from knative.local.broker.filters.attributes import AttributesFilter

EVENT = {"type": "order.created", "source": "/shop", "subject": "42"}


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({"type": "order.created"}, True),
        ({"type": "order.created", "source": "/shop"}, True),
        ({"type": "order.created", "source": "/other"}, False),
        ({"type": "Order.created"}, False),
        ({"type": "order"}, False),
        ({"subject": ""}, True),
        ({"dataschema": ""}, False),
        ({"dataschema": "x"}, False),
        ({}, True),
    ],
)
def test_68_all_attributes_must_equal_and_empty_means_present(wanted: dict[str, str], passes: bool) -> None:
    assert AttributesFilter(wanted).matches(EVENT) is passes


def test_68_an_empty_attribute_does_not_count_as_present() -> None:
    assert not AttributesFilter({"subject": ""}).matches({"subject": ""})


@pytest.mark.parametrize(
    ("wanted", "required"),
    [
        ({"source": "/a", "type": "t"}, ("type", frozenset({"t"}))),
        ({"source": "/a", "type": ""}, ("source", frozenset({"/a"}))),
        ({"subject": ""}, None),
    ],
)
def test_the_type_decides_before_others(wanted: dict[str, str], required: object) -> None:
    assert AttributesFilter(wanted).required() == required
