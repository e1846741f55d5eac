"""What a run leaves in the store beside its version: why an attempt failed.

`<output>/failures/<attempt>.json`, one per attempt; the version itself is complete when its card is there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from eventing.catalogue import Claim
from eventing.store import ObjectMissing, Store
from pipelines import layout
from pipelines.card import Card, parse_card


class Fault(StrEnum):
    """Whose fault a failure is: of the data or the spec, of the surroundings (try again), or of the code."""

    OWNER = "owner"
    SURROUNDINGS = "surroundings"
    CODE = "code"


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed: in which step, what its owner can do, and the end of what the step said."""

    step: str
    error: str
    fix: str
    fault: Fault
    log: str = ""


def write_failure(store: Store, output: str, attempt: str, failure: Failure) -> None:
    """Record the failure of an attempt."""
    store.put(f"{output}/failures/{attempt}.json", json.dumps(asdict(failure)).encode())


def read_failure(store: Store, output: str, attempt: str) -> Failure | None:
    """Return the failure of an attempt; None when none was recorded."""
    try:
        found = json.loads(store.get(f"{output}/failures/{attempt}.json"))
    except ObjectMissing:
        return None
    return Failure(found["step"], found["error"], found["fix"], Fault(found["fault"]), found.get("log", ""))


def count_failures(store: Store, output: str) -> int:
    """Count the attempts that failed so far."""
    return sum(1 for _ in store.list(f"{output}/failures/"))


def read_card(store: Store, output: str, run_id: str) -> tuple[Card, Claim] | None:
    """Return the card and its claim, when this run completed the version; None otherwise.

    Raises: ValueError when it is no card.
    """
    uri = f"{output}/{layout.CARD}"
    try:
        raw = store.get(uri)
    except ObjectMissing:
        return None
    card = parse_card(raw)
    return (card, Claim.of(uri, raw)) if card.run_id == run_id else None
