"""Reads a model's pool of former champions, and the labels that they have not been held against yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from itertools import groupby

from pydantic import TypeAdapter
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from eventing.catalogue import Claim
from functions.evaluate_model.anchor import next_champion
from functions.evaluate_model.former import Former
from functions.evaluate_model.pool import Pool, formers_of, reign_of
from functions.state.inferences import batches_between
from functions.state.labels import JoinedLabel
from functions.state.pools import PoolRow
from functions.state.specs import spec_of
from functions.state.versions import Fact, facts_of, get_version
from pipelines.spec import ModelSpec

MOST_LABELS = 2_000
"""Of one event; what is left is taken in at the next one."""
_AT_ONCE = 500
_POOL = TypeAdapter(Pool)


@dataclass(frozen=True)
class Watched:
    """A pool as it was written (`start`), the same against the champion of now, and what has matured.

    Attributes:
        card: of the champion.
        candidates: the former champions' model files and cards.
        labels: matured labels of the champion's predictions, in the order of those.
        repeats: ids of predictions that do not count, as their entity had a label earlier on the day.
        files: of the log, with what the champion was asked.
    """

    start: Pool | None
    pool: Pool
    spec: ModelSpec
    card: Claim
    candidates: Mapping[int, tuple[Claim, Claim]]
    labels: Sequence[JoinedLabel]
    repeats: frozenset[str]
    files: Sequence[Claim]


def read_pool(session: Session, model: str, through: datetime) -> Watched | None:
    """Return the pool, and what has matured by the time that labels are joined through; None without one."""
    spec = spec_of(session, model)
    if spec is None or not spec.rollout.pool:
        return None
    facts = [(row.version, Fact(row.fact), row.at) for row in facts_of(session, model)]
    reign = reign_of(facts)
    before = formers_of([(version, fact) for version, fact, _ in facts], len(facts))
    formers = before[: spec.rollout.pool]
    champion = None if reign is None else get_version(session, model, reign[0])
    if reign is None or champion is None or not formers:
        return None
    start = pool_in(session.get(PoolRow, model))
    pool = for_reign(start, *reign, formers, before)
    wanted = {*formers, *([pool.anchor.former.version] if pool.anchor else [])}
    known = {each: get_version(session, model, each) for each in sorted(wanted)}
    candidates = {each: (row.candidate, row.card) for each, row in known.items() if row is not None}
    pool = replace(pool, formers=tuple(each for each in pool.formers if each.version in candidates))
    labels = _labels_after(session, model, pool, through - spec.labels.window)
    files: list[Claim] = []
    if labels:
        batches = batches_between(
            session, model, labels[0].at, labels[-1].at, version=pool.champion, shadow=False
        )
        files = [batch.claim for batch in batches if batch.rows]
    repeats = frozenset(_repeats(session, labels))
    return Watched(start, pool, spec, champion.card, candidates, labels, repeats, files)


def pool_in(row: PoolRow | None) -> Pool | None:
    """Return the pool that a row holds, if any."""
    return None if row is None or row.state is None else _POOL.validate_python(row.state)


def write_pool(row: PoolRow, pool: Pool) -> None:
    """Write a pool into its row."""
    row.state = _POOL.dump_python(pool, mode="json")


def for_reign(
    pool: Pool | None, champion: int, since: datetime, formers: Sequence[int], before: Sequence[int]
) -> Pool:
    """Return the pool against a champion: its sums go on while the same one reigns, and else begin anew.

    Args:
        formers: those in the pool, newest first.
        before: all that may be the anchor, newest first.
    """
    anchor = None if pool is None else pool.anchor
    if pool is None or (pool.champion, pool.since) != (champion, since):
        if pool is not None and anchor is not None:
            served = anchor.former.version in _served_since(pool, champion, before)
            anchor = replace(anchor, former=Former(anchor.former.version)) if served else anchor
        pool = Pool(champion, since, since, anchor=next_champion(anchor, champion, before))
    elif anchor is None:
        pool = replace(pool, anchor=next_champion(None, champion, before))
    known = {each.version: each for each in pool.formers}
    return replace(pool, formers=tuple(known.get(each, Former(each)) for each in formers))


def _served_since(pool: Pool, champion: int, before: Sequence[int]) -> Sequence[int]:
    """Return who was champion after the pool's champion and before this one, as far as can be told."""
    if pool.champion in before:
        return before[: before.index(pool.champion)]
    return before[:1] if pool.champion == champion else ()


def _labels_after(session: Session, model: str, pool: Pool, until: datetime) -> Sequence[JoinedLabel]:
    later = or_(JoinedLabel.at > pool.at, JoinedLabel.prediction_id > pool.prediction_id)
    found = select(JoinedLabel).where(
        JoinedLabel.model == model,
        JoinedLabel.version == pool.champion,
        JoinedLabel.at >= pool.at,
        JoinedLabel.at <= until,
        JoinedLabel.late.is_(False),
        later,
    )
    return session.scalars(found.order_by(JoinedLabel.at, JoinedLabel.prediction_id).limit(MOST_LABELS)).all()


def _repeats(session: Session, labels: Sequence[JoinedLabel]) -> set[str]:
    """Return those of some labels, in order, whose entity had one of the version earlier on its day (UTC)."""
    found: set[str] = set()
    for _, group in groupby(labels, key=lambda label: label.at.date()):
        of_day = [label for label in group if label.entity is not None]
        known = _seen_before(session, of_day)
        for label in of_day:
            if label.entity in known:
                found.add(label.prediction_id)
            known.add(label.entity)
    return found


def _seen_before(session: Session, labels: Sequence[JoinedLabel]) -> set[str | None]:
    """Return the entities of some labels of one day that have an earlier label of that day."""
    if not labels:
        return set()
    first, known = labels[0], set[str | None]()
    midnight = datetime.combine(first.at.astimezone(UTC).date(), time.min, UTC)
    same = and_(JoinedLabel.at == first.at, JoinedLabel.prediction_id < first.prediction_id)
    earlier = or_(JoinedLabel.at < first.at, same)
    entities = sorted({label.entity for label in labels if label.entity is not None})
    for start in range(0, len(entities), _AT_ONCE):
        chosen = JoinedLabel.entity.in_(entities[start : start + _AT_ONCE])
        seen = select(JoinedLabel.entity).where(
            JoinedLabel.model == first.model,
            JoinedLabel.version == first.version,
            JoinedLabel.at >= midnight,
            JoinedLabel.late.is_(False),
            earlier,
            chosen,
        )
        known.update(session.scalars(seen.distinct()))
    return known
