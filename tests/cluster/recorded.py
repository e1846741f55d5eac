"""The events that the functions recorded, read from the database itself: it answers whatever is killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cluster.reach import eventually
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

Event = dict[str, Any]


class Ledger:
    """Events since the ledger was opened, in the order in which they were recorded."""

    def __init__(self, database: str) -> None:
        self._engine = create_engine(database, poolclass=NullPool)
        self._from = self._last()

    def events(self, type_: str | None = None, *, about: str = "") -> list[Event]:
        """Return the events of a type (without its prefix) whose subject begins so."""
        query = "select event from ledger where seq > :start order by seq"
        with self._engine.connect() as connection:
            rows = connection.execute(text(query), {"start": self._from}).scalars().all()
        found = [row if isinstance(row, dict) else json.loads(row) for row in rows]
        return [
            event
            for event in found
            if (type_ is None or event["type"] == f"dev.kascade.{type_}")
            and str(event.get("subject") or "").startswith(about)
        ]

    def wait_for(
        self,
        type_: str,
        *,
        about: str,
        timeout_s: float = 300,
        matches: Callable[[Event], bool] = lambda event: True,
    ) -> Event:
        """Return the first such event, waiting for it."""

        def look() -> Event | None:
            try:
                return next((each for each in self.events(type_, about=about) if matches(each)), None)
            except OperationalError:
                return None

        return eventually(look, timeout_s, what=f"{type_} about {about}")

    def ids(self) -> set[str]:
        """Return the ids of all events since."""
        return {event["id"] for event in self.events()}

    def dead_letters(self, *, about: str) -> list[str]:
        """Return what lies in the dead letters and names a model."""
        with self._engine.connect() as connection:
            rows = connection.execute(text("select * from dead_letters")).all()
        return [str(row) for row in rows if about in str(row)]

    def _last(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.execute(text("select coalesce(max(seq), 0) from ledger")).scalar_one())
