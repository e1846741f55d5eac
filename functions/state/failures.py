"""What a database error means for an event's delivery: try again, or never.

Trouble that passes is the same on every function: the server is away or starts anew, has no connection to
spare, chose this transaction to end a deadlock. A value that cannot be kept stays so, however often it comes.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from eventing.errors import HandlingError, Rejected, RetryLater

_LIMIT_EXCEEDED = "54"
"""SQLSTATE class "program limit exceeded", such as a key too long for an index."""

_NOT_MIGRATED = ("42P01", "42703")
"""SQLSTATE "undefined table" and "undefined column": a release that waits for its migration."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAX_INTEGER = 2**63 - 1


class Unstorable(ValueError):
    """A value that one of the databases cannot keep, so that both refuse it."""


def outcome_of(error: SQLAlchemyError | Unstorable) -> HandlingError | None:
    """Say what a failed transaction is answered with; None when it is a bug of ours."""
    unfit = error.orig if isinstance(error, StatementError) else error
    if isinstance(unfit, Unstorable):
        return Rejected(str(unfit))
    if isinstance(error, PoolTimeout):
        return RetryLater("all connections to the database are in use")
    if not isinstance(error, DBAPIError):
        return None
    reason = " ".join(str(error.orig).split())
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if isinstance(error, DataError) or state.startswith(_LIMIT_EXCEEDED):
        return Rejected(f"the database cannot keep what this event says: {reason}")
    away = isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
    if away or (isinstance(error, ProgrammingError) and state in _NOT_MIGRATED):
        return RetryLater(f"the database cannot be used now: {reason}")
    return None


def check_storable(parameters: Any) -> None:
    """Look through a statement's parameters.

    Raises:
        Unstorable: a text with NUL or half of a surrogate pair, which PostgreSQL keeps in no column and
            SQLite in some; an integer beyond 64 bits, which neither keeps and each complains of in its way.
    """
    if isinstance(parameters, dict):
        parameters = parameters.values()
    for value in parameters:
        if isinstance(value, str):
            if unfit := _UNSTORABLE.search(value):
                shown = value if len(value) <= 100 else f"{value[:100]}…"
                raise Unstorable(f"no text may hold U+{ord(unfit[0]):04X}: {shown!a}")
        elif isinstance(value, int):
            if abs(value) > _MAX_INTEGER:
                raise Unstorable(f"{value} is beyond 64 bits")
        elif isinstance(value, list | tuple | dict):
            check_storable(value)
