"""No function speaks to the object store while it holds a transaction open: every test here would fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from eventing.store import MemoryStore, S3Store

_open = threading.local()


def _opened(_: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        _open.count = getattr(_open, "count", 0) + 1


def _ended(_: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        _open.count = max(getattr(_open, "count", 0) - 1, 0)  # it may have been opened before anyone listened


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **named: Any) -> Any:
        if getattr(_open, "count", 0):
            pytest.fail(f"the object store's {method.__name__} is called while a transaction is open")
        return method(*args, **named)

    return call


@pytest.fixture(autouse=True)
def store_outside_transactions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail when the object store is spoken to by a thread that has a transaction open."""
    for store in (MemoryStore, S3Store):
        for name in ("get", "open", "put", "list", "head"):
            monkeypatch.setattr(store, name, _guarded(getattr(store, name)))
    event.listen(Session, "after_transaction_create", _opened)
    event.listen(Session, "after_transaction_end", _ended)
    yield
    event.remove(Session, "after_transaction_create", _opened)
    event.remove(Session, "after_transaction_end", _ended)
