"""The check that no function speaks to the object store within a transaction does see one that would."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from eventing.store import MemoryStore
from functions.state.database import session_factory, transaction


def test_a_store_is_not_to_be_spoken_to_within_a_transaction(engine: Engine) -> None:
    store, sessions = MemoryStore("models"), session_factory(engine)
    store.put("s3://models/before", b"")
    with (
        pytest.raises(pytest.fail.Exception, match="while a transaction is open"),
        transaction(sessions, read_only=True),
    ):
        store.get("s3://models/before")
    assert store.get("s3://models/before") == b""
