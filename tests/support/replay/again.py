"""Makes decisions again from the inputs that their events carry: whatever was decided is decided again."""

from __future__ import annotations

from collections.abc import Iterable

from eventing.event import Event
from eventing.store import MemoryStore, Store
from kascade.replay.recording import Recorded
from kascade.replay.replaying import replay


def assert_decided_again(events: Iterable[Event], store: Store | None = None) -> None:
    """Fail when a decision among some events cannot be replayed, or comes out otherwise."""
    inputs = store or MemoryStore()
    for event in events:
        assert event.time is not None
        decisions = replay(
            [Recorded(1, event.time, event)], lambda claim: inputs.get(claim.uri, claim.sha256)
        )
        assert not [each for each in decisions if each.differs or not each.decidable], decisions
