"""Holds a model's former champions against what has matured, and calls one back that is better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import DecisionInputs, FeedbackJoined, ModelRecalled, source_of
from eventing.event import Event, answer
from eventing.store import Store
from functions.evaluate_model.former import Former
from functions.evaluate_model.logged_shadow import answered, requests_in
from functions.evaluate_model.logic import FUNCTION
from functions.evaluate_model.pool import Pool, Recall, decide, observe, promise
from functions.evaluate_model.pool_records import Watched, pool_in, read_pool, write_pool
from functions.evaluate_model.scoring import StoredModel, Unusable, load_model
from functions.inferences.labels import Value
from functions.inferences.scoring import Scoring, load_scoring
from functions.state.handled import Stale, handle_once
from functions.state.pools import lock_pool
from functions.state.rollouts import RolloutRow, get_rollout
from pipelines.spec import Rollout


@dataclass(frozen=True)
class PoolWatch:
    """The clients of one process, and the time."""

    sessions: sessionmaker[Session]
    store: Store
    now: datetime

    def watch(self, event: Event, payload: FeedbackJoined) -> list[Event]:
        """Take in what has matured; answer with model.recalled, or with nothing."""
        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=lambda session: read_pool(session, payload.model, payload.through),
            work=self._work,
            write=lambda session, done: [] if done is None else self._write(session, event, *done),
            now=self.now,
        )

    def _work(self, watched: Watched | None) -> tuple[Watched, Pool] | None:
        return None if watched is None else (watched, self._take_in(watched))

    def _take_in(self, watched: Watched) -> Pool:
        if not watched.labels:
            return watched.pool
        pool, losses = self._with_promises(watched), self._losses(watched)
        for label in watched.labels:
            pool = replace(pool, at=label.at, prediction_id=label.prediction_id)
            theirs = losses.get(label.prediction_id)
            if label.loss is not None and theirs and label.prediction_id not in watched.repeats:
                pool = observe(watched.spec.rollout, pool, label.loss, theirs)
        return pool

    def _with_promises(self, watched: Watched) -> Pool:
        """Return the pool with what each holdout promises: without one, that nothing is lost."""
        formers = []
        ours = load_scoring(self.store, watched.card)
        anchor = watched.pool.anchor
        if anchor is not None and anchor.former.version in watched.candidates:
            anchor = replace(anchor, former=self._with_promise(anchor.former, watched, ours))
        for former in watched.pool.formers:
            formers.append(self._with_promise(former, watched, ours))
        return replace(watched.pool, formers=tuple(formers), anchor=anchor, unit=ours.unit)

    def _with_promise(self, former: Former, watched: Watched, ours: Scoring) -> Former:
        theirs = load_scoring(self.store, watched.candidates[former.version][1])
        return replace(former, promised=promised_by(theirs, ours, watched.spec.rollout.margin))

    def _losses(self, watched: Watched) -> dict[str, dict[int, float]]:
        """Return what each former champion would have lost, by prediction."""
        scoring = load_scoring(self.store, watched.card)
        labels = {each.prediction_id: scoring.read(each.value) for each in watched.labels}
        known = {identity: label for identity, label in labels.items() if label is not None}
        losses: dict[str, dict[int, float]] = {}
        for version, (claim, _) in watched.candidates.items():
            try:
                model = load_model(self.store, claim)
            except Unusable:
                continue  # it takes no part
            for identity, loss in self._losses_of(model, watched, known, scoring):
                losses.setdefault(identity, {})[version] = loss
        return losses

    def _losses_of(
        self, model: StoredModel, watched: Watched, labels: Mapping[str, Value], scoring: Scoring
    ) -> Iterator[tuple[str, float]]:
        for requests in requests_in(self.store, model, watched.files):
            labelled = [each in labels for each in requests.column("prediction_id").to_pylist()]
            for row in answered(model, requests.filter(labelled)).to_pylist():
                number, identity = row["predicted_number"], row["prediction_id"]
                loss = scoring.loss(row["predicted"] if number is None else number, labels[identity])
                if loss is not None:
                    yield identity, loss

    def _write(self, session: Session, event: Event, watched: Watched, pool: Pool) -> list[Event]:
        model, policy = watched.spec.model, watched.spec.rollout
        row = lock_pool(session, model)
        if pool_in(row) != watched.start:
            raise Stale(f"the labels of {model} were taken in by another")
        write_pool(row, pool)
        decision, rollout = decide(policy, pool), get_rollout(session, model)
        if not isinstance(decision, Recall) or (rollout is not None and not gives_way(rollout, decision)):
            return []
        recalled = recall_of(model, policy, pool, decision)
        subject = f"{model}/v{recalled.version}"
        return [answer(event, ModelRecalled.type, source_of(FUNCTION), subject, recalled, now=self.now)]


def gives_way(rollout: RolloutRow, recall: Recall) -> bool:
    """Say whether nothing is rolled out, or another version in a shadow or canary that ends for a recall."""
    if rollout.queued_version is not None or rollout.paused:
        return False
    return rollout.phase in (None, "shadow", "canary") and rollout.version != recall.former.version


def promised_by(theirs: Scoring, ours: Scoring, margin: float) -> float:
    """Return the loss that a former champion is to keep to, in the champion's terms.

    Without a holdout, or where its errors counted by another rule, it promised nothing that could be kept.
    """
    if theirs.holdout is None or (theirs.costs is None) != (ours.costs is None):
        return 0.0
    scale = ours.unit / theirs.unit
    mean, variance = theirs.holdout.mean * scale, theirs.holdout.variance * scale * scale
    return promise(mean, variance, margin * ours.unit)


def recall_of(model: str, policy: Rollout, pool: Pool, recall: Recall) -> ModelRecalled:
    """Return the payload that calls a former champion back, with every number it rests on."""
    former = recall.former
    against_one = {each.version: each.labels for each in pool.formers}.get(former.version)
    chain = former.labels != against_one
    better = former.gained / former.labels
    return ModelRecalled(
        model=model,
        version=former.version,
        champion_version=pool.champion,
        statistic=former.statistic,
        threshold=recall.threshold,
        labels=former.labels,
        margin=policy.margin,
        message=f"v{former.version} was champion before, and loses less than v{pool.champion} by now: "
        f"{better:.4f} less on the mean of {former.labels} labels"
        + (", those of champions between them as well (it is the anchor against creep)" if chain else ""),
        decided_from=DecisionInputs.of(policy, pool),
    )
