"""Which hosts are this machine."""

from __future__ import annotations

import pytest

from knative.local.strangers import is_loopback


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:80", True),
        ("localhost", True),
        ("[::1]:80", True),
        ("example.org", False),
        ("", False),
        ("a[", False),
        ("localhost.evil", False),
    ],
)
def test_only_this_machine_s_names_are_ours(host: str, ours: bool) -> None:
    assert is_loopback(host) is ours
