"""Announces objects: record what was seen, send its event, record that it was sent. In that order.

A crash between two of these steps loses nothing: what is recorded and not sent, a later sweep sends. An event
that the sink refuses for good holds up no other. It is tried again much later: the sink may be at fault.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from prometheus_client import Counter
from sqlalchemy.orm import Session, sessionmaker

from eventing.clock import Clock
from eventing.sink import EventSink, SinkError
from eventing.store import ObjectMissing, Store, StoredObject, join_uri
from functions.receive_objects.logic import changes, event_of, left_unsent, successor, watched
from functions.state import objects
from functions.state.database import transaction
from functions.state.objects import SeenObject

REFUSED_REST = timedelta(hours=1)
"""How long an event that was refused for good rests."""

CHUNK = 50
"""How many versions are recorded, sent and marked together: a crash sends at most these again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Receiver:
    """Records changes of objects and announces them.

    Attributes:
        sessions: what is known.
        store: what is there.
        sink: where changes are announced.
        refusals: counts the events that the sink refused for good.
        claim: how long an event counts as being sent; longer than the sink's own attempts take.
    """

    sessions: sessionmaker[Session]
    store: Store
    sink: EventSink
    clock: Clock
    refusals: Counter
    claim: timedelta = timedelta(seconds=30)

    def record_change(self, bucket: str, key: str) -> list[SeenObject]:
        """Read one object and record its change, if there is one; return what is to be announced.

        Raises:
            StoreError: the store could not be asked. Nothing is recorded then.
        """
        if not watched(key):
            return []
        with transaction(self.sessions, read_only=True) as session:
            seen = objects.load(session, bucket, key).get(key)
        try:
            found: StoredObject | None = self.store.head(join_uri(bucket, key))
        except ObjectMissing:
            found = None
        now = self.clock()
        changed = successor(seen, bucket, key, found, now, now + self.claim)
        return self._record([changed]) if changed else []

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
        sent = sum(self._resend(chunk) for chunk in self._until(started + budget, left_unsent(seen, started)))
        changed = changes(seen, bucket, self.store.list(join_uri(bucket, "")), started, started)
        for chunk in self._until(started + budget, changed):
            until = self.clock() + self.claim
            sent += self.announce(self._record([_claimed(version, until) for version in chunk]))
        return sent

    def _until(self, end: datetime, versions: Iterable[SeenObject]) -> Iterator[list[SeenObject]]:
        for chunk in chunked(versions):
            if self.clock() > end:
                _log.info("the sweep's time is up", extra={"fields": {"bucket": chunk[0].bucket}})
                return
            yield chunk

    def _record(self, versions: Sequence[SeenObject]) -> list[SeenObject]:
        """Record versions; return those that nobody else recorded first."""
        with transaction(self.sessions) as session:
            return [version for version in versions if objects.record(session, version)]

    def _resend(self, versions: Sequence[SeenObject]) -> int:
        now = self.clock()
        with transaction(self.sessions) as session:
            claimed = [objects.claim(session, version, now, now + self.claim) for version in versions]
        return self.announce([version for version in claimed if version is not None])

    def announce(self, versions: Sequence[SeenObject]) -> int:
        """Send the events of recorded versions and mark them as sent; return how many were sent.

        Raises:
            SinkError: the sink takes nothing. The next sweep sends them.
        """
        sent: list[SeenObject] = []
        refused: list[SeenObject] = []
        try:
            for version in versions:
                (sent if self._taken(version) else refused).append(version)
        except SinkError:
            with transaction(self.sessions) as session:
                objects.release(session, versions[len(sent) + len(refused) :], self.clock())
            raise
        finally:
            if sent or refused:
                with transaction(self.sessions) as session:
                    objects.mark_sent(session, sent)
                    objects.release(session, refused, self.clock() + REFUSED_REST)
        for version in sent:
            fields = {"bucket": version.bucket, "key": version.key, "generation": version.generation}
            _log.info("announced" if version.etag else "announced as gone", extra={"fields": fields})
        return len(sent)

    def _taken(self, version: SeenObject) -> bool:
        """Send a version's event; return whether the sink has it, or refuses it for good."""
        try:
            self.sink.send(event_of(version))
        except SinkError as error:
            if not error.final:
                raise
            self.refusals.inc()
            fields = {"bucket": version.bucket, "key": version.key, "problems": [str(error)]}
            _log.error("refused for good; it is tried again in an hour", extra={"fields": fields})
            return False
        return True


def chunked(versions: Iterable[SeenObject]) -> Iterator[list[SeenObject]]:
    """Cut a stream of versions into lists of at most `CHUNK`."""
    remaining = iter(versions)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk


def _claimed(version: SeenObject, until: datetime) -> SeenObject:
    return replace(version, claimed_until=until)
