from __future__ import annotations

import pytest

from knative.local.broker.filters.suffix import SuffixFilter


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({"type": ".x"}, True),
        ({"type": ""}, True),
        ({"type": ".k"}, False),
        ({"type": ".X"}, False),
        ({"type": "y.dev.kascade.x"}, False),
        ({"type": ".x", "subject": "a"}, False),
        ({"type": ".x", "source": "/"}, True),
        ({"subject": ""}, False),
    ],
)
def test_72_every_attribute_must_be_there_with_the_suffix(wanted: dict[str, str], passes: bool) -> None:
    assert SuffixFilter(wanted).matches({"type": "dev.kascade.x", "source": "/"}) is passes


def test_no_value_decides_alone() -> None:
    assert SuffixFilter({"type": "a"}).required() is None
