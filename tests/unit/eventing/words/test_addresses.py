"""An address is printed in a form that every client resolves."""

from __future__ import annotations

import pytest

from eventing.words.addresses import every_address


@pytest.mark.parametrize(
    ("url", "by_path"),
    [
        ("http://churn.kascade.localhost:8080", ["http://127.0.0.1:8080/-/services/kascade/churn"]),
        ("http://churn.kascade.example.com", []),
        ("http://churn.kascade.svc.cluster.local", []),
        ("https://churn.kascade.localhost:8080", []),
    ],
)
def test_a_service_of_this_machine_has_a_second_address(url: str, by_path: list[str]) -> None:
    assert every_address(url) == [url, *by_path]
