"""Free ports are found, and one in use is refused by name."""

from __future__ import annotations

import socket

import pytest

from knative.local.errors import PortInUse
from knative.local.processes.ports import free_port, listen


def test_free_ports_are_not_given_twice_in_a_row() -> None:
    assert len({free_port() for _ in range(20)}) == 20


def test_a_free_port_is_none_that_the_system_gives_to_others_meanwhile() -> None:
    assert 20_000 <= free_port() < 32_768


def test_a_port_that_is_held_says_by_whom() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse) as caught:
            listen(port, "--gateway-port")
    assert f"port {port} is in use by" in str(caught.value)
    assert "--gateway-port (0 takes a free one)" in str(caught.value)
