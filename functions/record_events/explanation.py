"""Finds in the ledger what belongs to the explanation of a version or an event, and little else.

The chains are first read without their events' content, which is then read only of what is shown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from eventing import catalogue as kinds
from functions.record_events.trees import NOISE, Link, Trees, build_trees
from functions.state import ledger
from functions.state.ledger import LedgerEvent

MAX_SHOWN = 500
MAX_READ = 20_000
KEPT = 2
ALARMS = frozenset({kinds.DriftDetected.type, kinds.PerformanceDegraded.type})
VERSION = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?/v[1-9][0-9]*")
_CHUNK = 500


@dataclass(frozen=True)
class Explanation:
    """The trees, their events by id, and whether there was more than was read or shown."""

    trees: Trees
    rows: dict[str, LedgerEvent]
    truncated: bool


def explain(session: Session, reference: str) -> Explanation | None:
    """Explain `<model>/v<version>` or an event by its id; None when nothing is recorded of it."""
    starts, others = _starts(session, reference)
    if not starts:
        return None
    links = {link.id: link for link in starts}
    full = _read_chains(session, links, _chains_of(session, [link.id for link in starts]))
    _read_causes(session, links, starts)
    own = reference if VERSION.fullmatch(reference) else None
    trees = build_trees(links.values(), {link.id for link in starts}, most=MAX_SHOWN, own=own)
    folded = Counter(link.type for link in others if link.id not in trees.placed)
    trees = replace(trees, folded=trees.folded + folded)
    rows = _whole(session, [node.link for node in trees.nodes()])
    return Explanation(trees, rows, full or trees.left_out > 0)


def _starts(session: Session, reference: str) -> tuple[list[Link], list[Link]]:
    """Return what is explained, and what else is about it; few checks for drift are explained."""
    if not VERSION.fullmatch(reference):
        row = ledger.find_by_id(session, reference)
        return ([] if row is None else [_link(row)]), []
    below = LedgerEvent.subject.startswith(f"{reference}/", autoescape=True)
    found = _links(session, (LedgerEvent.subject == reference) | below, MAX_READ)
    checks = [link for link in found if link.type == kinds.DriftChecked.type][-KEPT:]
    chosen = [link for link in found if link.type not in NOISE | ALARMS] + checks
    for type_ in ALARMS:
        chosen += _notable(session, [link for link in found if link.type == type_])
    starts = sorted(chosen or found[-1:], key=lambda link: link.seq)
    ids = {link.id for link in starts}
    return starts, [link for link in found if link.id not in ids]


def _notable(session: Session, alarms: Sequence[Link]) -> list[Link]:
    """Return the alarms with effects, the first and the newest: those between repeat them."""
    followed: set[str | None] = set()
    for part in _chunks([link.id for link in alarms]):
        causes = select(LedgerEvent.causation_id).where(LedgerEvent.causation_id.in_(part))
        followed |= set(session.scalars(causes.distinct()))
    shown = {link.id for link in (*alarms[:1], *alarms[-KEPT:])}
    return [link for link in alarms if link.id in followed | shown]


def _chains_of(session: Session, ids: Sequence[str]) -> list[str]:
    found: set[str] = set()
    for part in _chunks(ids):
        rows = select(LedgerEvent.correlation_id).where(LedgerEvent.event_id.in_(part))
        found |= set(session.scalars(rows.distinct()))
    return sorted(found)


def _read_chains(session: Session, links: dict[str, Link], chains: Sequence[str]) -> bool:
    """Add all events of some chains, and what names one of them as its cause; say whether there was more."""
    for part in _chunks(chains):
        for link in _links(session, LedgerEvent.correlation_id.in_(part), MAX_READ):
            links.setdefault(link.id, link)
    waiting = sorted(links)
    while waiting and len(links) < MAX_READ:
        found = [
            link
            for part in _chunks(waiting)
            for link in _links(
                session,
                LedgerEvent.causation_id.in_(part) & LedgerEvent.correlation_id.not_in(chains[:_CHUNK]),
                MAX_READ,
            )
        ]
        waiting = [link.id for link in found if link.id not in links]
        links.update({link.id: link for link in found if link.id not in links})
    return len(links) >= MAX_READ


def _read_causes(session: Session, links: dict[str, Link], starts: Sequence[Link]) -> None:
    """Add the causes that another chain has, as far as they are recorded."""
    for start in starts:
        at, walked = start, {start.id}
        while at.cause in links and at.cause not in walked:
            at = links[at.cause]
            walked.add(at.id)
        if at.cause is not None and at.cause not in links:
            for row in ledger.causes_of(session, at.cause, MAX_SHOWN):
                links.setdefault(row.event_id, _link(row))


def _links(session: Session, where: ColumnElement[bool], most: int) -> list[Link]:
    """Return the newest links that match, oldest first."""
    columns = (
        LedgerEvent.event_id,
        LedgerEvent.type,
        LedgerEvent.subject,
        LedgerEvent.causation_id,
        LedgerEvent.seq,
    )
    newest = select(*columns).where(where).order_by(LedgerEvent.seq.desc()).limit(most)
    return [Link(*row) for row in reversed(session.execute(newest).all())]


def _link(row: LedgerEvent) -> Link:
    return Link(row.event_id, row.type, row.subject, row.causation_id, row.seq)


def _whole(session: Session, links: Sequence[Link]) -> dict[str, LedgerEvent]:
    rows: dict[str, LedgerEvent] = {}
    for part in _chunks([str(link.seq) for link in links]):
        found = select(LedgerEvent).where(LedgerEvent.seq.in_([int(seq) for seq in part]))
        rows |= {row.event_id: row for row in session.scalars(found)}
    return rows


def _chunks(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[first : first + _CHUNK] for first in range(0, len(values), _CHUNK)]
