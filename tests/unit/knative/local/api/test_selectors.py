"""Label and field selectors."""

from __future__ import annotations

import pytest

from knative.local.api.selectors import selection_of
from knative.local.errors import Refused


@pytest.mark.parametrize(
    ("query", "labels", "holds"),
    [
        ({"labelSelector": "a=b,c!=d"}, {"a": "b"}, True),
        ({"labelSelector": "a==b"}, {"a": "c"}, False),
        ({"labelSelector": "a in (b, c),x"}, {"a": "c", "x": ""}, True),
        ({"labelSelector": "a notin (b,c)"}, {"a": "c"}, False),
        ({"labelSelector": "!a"}, {"a": "c"}, False),
        ({"fieldSelector": "metadata.name=thing"}, {}, True),
        ({"fieldSelector": "metadata.name!=thing"}, {}, False),
        ({}, {}, True),
    ],
)
def test_selectors_select(query: dict[str, str], labels: dict[str, str], holds: bool) -> None:
    assert selection_of(query).holds({"metadata": {"name": "thing", "labels": labels}}) is holds


def test_a_selector_of_another_field_is_refused() -> None:
    with pytest.raises(Refused, match=r"status\.phase"):
        selection_of({"fieldSelector": "status.phase=Running"})
    with pytest.raises(Refused, match="no field selector"):
        selection_of({"fieldSelector": "name"})
