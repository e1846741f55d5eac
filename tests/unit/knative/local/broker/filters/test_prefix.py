from __future__ import annotations

import pytest

from knative.local.broker.filters.prefix import PrefixFilter


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({"type": "dev."}, True),
        ({"type": ""}, True),
        ({"type": "ev."}, False),
        ({"type": "Dev."}, False),
        ({"type": "dev.kascade.x.y"}, False),
        ({"type": "dev.", "subject": "a"}, False),
        ({"type": "dev.", "source": "/"}, True),
        ({"subject": ""}, False),
    ],
)
def test_72_every_attribute_must_be_there_with_the_prefix(wanted: dict[str, str], passes: bool) -> None:
    assert PrefixFilter(wanted).matches({"type": "dev.kascade.x", "source": "/"}) is passes


def test_no_value_decides_alone() -> None:
    assert PrefixFilter({"type": "a"}).required() is None
