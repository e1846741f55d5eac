"""Announces objects: record what was seen, send its event, note that it was sent. In that order.

A crash between two of these steps loses nothing: what is recorded and not sent, a later sweep sends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy.orm import Session, sessionmaker

from eventing.sink import EventSink, SinkError
from eventing.store import ObjectMissing, Store, StoredObject, join_uri
from functions.receive_objects.logic import changes, event_of, left_unsent, successor, watched
from functions.state import objects
from functions.state.database import transaction
from functions.state.objects import SeenObject

CLAIM = timedelta(seconds=30)
"""How long an event counts as being sent; longer than the sink's own attempts take."""

CHUNK = 50
"""How many versions are recorded, sent and marked together: a crash sends at most these again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Receiver:
    """What is known, what is there, and where changes are announced."""

    sessions: sessionmaker[Session]
    store: Store
    sink: EventSink
    clock: Callable[[], datetime]

    def notice(self, bucket: str, key: str) -> int:
        """Look at one object and announce its change, if there is one; return how many events were sent.

        Raises:
            StoreError: the store could not be asked. Nothing is recorded then.
        """
        if not watched(key):
            return 0
        with transaction(self.sessions, read_only=True) as session:
            seen = objects.load(session, bucket, key).get(key)
        try:
            found: StoredObject | None = self.store.head(join_uri(bucket, key))
        except ObjectMissing:
            found = None
        now = self.clock()
        changed = successor(seen, bucket, key, found, now, now + CLAIM)
        return self._announce([changed]) if changed else 0

    def sweep(self, bucket: str, *, budget: timedelta) -> int:
        """List a bucket and announce whatever was missed; return how many events were sent.

        What does not fit into the budget is left to the next sweep.

        Raises:
            StoreError: the store could not be asked.
            SinkError: the sink takes nothing. What was recorded is sent later.
        """
        started = self.clock()
        # First what is known, then what is there: a version recorded meanwhile is not overwritten.
        with transaction(self.sessions, read_only=True) as session:
            seen = objects.load(session, bucket)
        sent = sum(self._resend(chunk) for chunk in chunked(left_unsent(seen, started)))
        listing = self.store.list(join_uri(bucket, ""))
        for chunk in chunked(changes(seen, bucket, listing, started, started)):
            now = self.clock()
            if now - started > budget:
                _log.info("the sweep's time is up", extra={"fields": {"bucket": bucket, "sent": sent}})
                break
            sent += self._announce([_claimed(version, now + CLAIM) for version in chunk])
        return sent

    def _announce(self, versions: Sequence[SeenObject]) -> int:
        """Record versions and send the events of those that nobody else recorded first."""
        with transaction(self.sessions) as session:
            mine = [version for version in versions if objects.record(session, version)]
        return self._send(mine)

    def _resend(self, versions: Sequence[SeenObject]) -> int:
        now = self.clock()
        with transaction(self.sessions) as session:
            claimed = [objects.claim(session, version, now, now + CLAIM) for version in versions]
        return self._send([version for version in claimed if version is not None])

    def _send(self, versions: Sequence[SeenObject]) -> int:
        sent: list[SeenObject] = []
        try:
            for version in versions:
                self.sink.send(event_of(version))
                sent.append(version)
        except SinkError:
            with transaction(self.sessions) as session:
                objects.release(session, versions[len(sent) :], self.clock())
            raise
        finally:
            if sent:
                with transaction(self.sessions) as session:
                    objects.mark_sent(session, sent)
        for version in sent:
            fields = {"bucket": version.bucket, "key": version.key, "generation": version.generation}
            _log.info("announced" if version.etag else "announced as gone", extra={"fields": fields})
        return len(sent)


def chunked(versions: Iterable[SeenObject]) -> Iterator[list[SeenObject]]:
    """Cut a stream of versions into lists of at most `CHUNK`."""
    remaining = iter(versions)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk


def _claimed(version: SeenObject, until: datetime) -> SeenObject:
    return replace(version, claimed_until=until)
