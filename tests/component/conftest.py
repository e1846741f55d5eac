"""What the tests of several rooms need: a server that answers as it is told, and CAs of our own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.authority import Authority
from support.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def ours() -> Authority:
    return Authority("ours")


@pytest.fixture(scope="module")
def theirs() -> Authority:
    return Authority("theirs")
