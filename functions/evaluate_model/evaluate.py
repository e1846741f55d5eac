"""Judges one candidate: loads it and the champion, scores both on the same rows, and applies the gate.

A candidate that learnt from its holdout is judged as it was before that. So is the champion where too few
rows are newer than all that it learnt from.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.parquet as pq

from eventing.catalogue import (
    Claim,
    DecisionInputs,
    GateVerdict,
    LoggedShadow,
    SliceResult,
    TrainingCompleted,
)
from eventing.store import Store, put_by_digest
from functions.evaluate_model.logic import (
    MIN_COMPARED_ROWS,
    MIN_SLICE_ROWS,
    Champion,
    Decision,
    Inputs,
    Slice,
    decide,
    slice_passes,
)
from functions.evaluate_model.scores import Scores, own_scores, with_known_target
from functions.evaluate_model.scoring import StoredModel, Unusable, aligned, fetch, load_model
from functions.evaluate_model.slices import slices_of
from functions.evaluate_model.unseen import unseen_rows
from pipelines import layout
from pipelines.card import Card, parse_card
from pipelines.class_costs import ClassCosts
from pipelines.metrics import METRICS
from pipelines.spec import Gate, ModelSpec, SpecError, parse_spec

MAX_SLICES_LISTED = 100


@dataclass(frozen=True)
class ChampionFiles:
    """The champion's version and files."""

    version: int
    candidate: Claim
    card: Claim


@dataclass(frozen=True)
class Judgement:
    """The decision, what it was made from, and the numbers of its event, if the candidate could be scored.

    `logged_shadow`: what one that was let through answers to logged requests of the champion.
    """

    decision: Decision
    decided_from: DecisionInputs
    verdict: GateVerdict | None = None
    logged_shadow: LoggedShadow | None = None


def evaluate(
    store: Store,
    completed: TrainingCompleted,
    spec: ModelSpec | None,
    champion_files: ChampionFiles | None,
    resamples: int,
) -> Judgement:
    """Judge a candidate by the gate of `spec`, or of the spec it was trained with when None.

    Raises:
        StoreUnavailable: trying later may help.
    """
    try:
        model, table, spec = _load(store, completed, spec)
        costs = _costs_of(store, completed, model)
        whole = replace(own_scores(model, table), costs=costs)
    except Unusable as error:
        gate = spec.gate if spec is not None else Gate()
        return apply_gate(store, completed, gate, Inputs(problem=str(error)))
    table, whole = with_known_target(table, whole)
    champion = None
    if champion_files is not None:
        by_arrival = _read_card(store, completed.card).data.split.by == "arrival"
        whole, champion = _with_champion(store, model, table, whole, champion_files, by_arrival)
    seed = int(completed.candidate.sha256[:8], 16)
    inputs = Inputs(
        metric=whole.metric.name,
        whole=whole.measure(resamples, seed),
        champion=champion,
        loss="zero_one" if costs is None else costs.said,
        tried_next=bool(spec.rollout.phases),
    )
    if inputs.whole.value is not None:
        slices, small = _slices(spec, table, whole, resamples, seed)
        lacking = [column for column in spec.gate.slices if column not in table.column_names]
        inputs = replace(inputs, slices=tuple(slices), small=small, lacking=tuple(lacking))
    return apply_gate(store, completed, spec.gate, inputs)


def apply_gate(store: Store, completed: TrainingCompleted, gate: Gate, inputs: Inputs) -> Judgement:
    """Apply the gate to what was measured, and record what it was applied to."""
    decision = decide(gate, inputs)
    folder = f"s3://reports/{completed.model}/v{completed.version}/decisions"
    decided_from = DecisionInputs.of(gate, inputs, lambda raw: put_by_digest(store, folder, raw))
    verdict = None if inputs.whole.value is None else _verdict(completed, gate, inputs, decision)
    return Judgement(decision, decided_from, verdict)


def _load(
    store: Store, completed: TrainingCompleted, spec: ModelSpec | None
) -> tuple[StoredModel, pa.Table, ModelSpec]:
    model = load_model(store, completed.candidate)
    if (model.name, model.version) != (completed.model, completed.version):
        raise Unusable(f"{completed.candidate.uri} says that it is {model.name}/v{model.version}")
    raw = fetch(store, completed.holdout)
    try:
        table = pq.read_table(io.BytesIO(raw))
    except pa.ArrowException as error:
        raise Unusable(f"{completed.holdout.uri} is no Parquet file: {error}") from error
    card = _read_card(store, completed.card)
    judged = card.files.get(layout.JUDGED)
    if judged is not None:
        model = load_model(store, judged)
    return model, table, spec or _spec_of(store, card)


def _costs_of(store: Store, completed: TrainingCompleted, model: StoredModel) -> ClassCosts | None:
    """Return what the candidate's errors cost; None where each costs the same."""
    if model.classes is None:
        return None
    loss = _read_card(store, completed.card).evaluation.loss
    return None if loss is None else loss.costs


def _with_champion(
    store: Store,
    model: StoredModel,
    table: pa.Table,
    scores: Scores,
    champion_files: ChampionFiles,
    by_arrival: bool,
) -> tuple[Scores, Champion]:
    """Score the champion on the same rows; if that cannot be, say why."""
    try:
        other = load_model(store, champion_files.candidate)
        if (other.task, other.target) != (model.task, model.target):
            raise Unusable(f"it predicts {other.target!r} ({other.task})")
        card = _read_card(store, champion_files.card)
        divided, spec = card.data.split, _spec_of(store, card)
        fair = unseen_rows(table, divided, spec, by_arrival=by_arrival)
        judged = card.files.get(layout.JUDGED)
        if judged is not None and int(fair.sum()) < MIN_COMPARED_ROWS:
            other = load_model(store, judged)
            fair = unseen_rows(table, divided, spec, judged=True, by_arrival=by_arrival)
        theirs = aligned(other.predict(table), other.classes, model.classes)
    except Unusable as error:
        return scores, Champion(champion_files.version, str(error))
    obstacle = _too_few(int(fair.sum()), len(fair))
    return replace(scores, theirs=theirs, fair=fair), Champion(champion_files.version, obstacle)


def _too_few(fair: int, rows: int) -> str | None:
    """Return why the rows that the champion was not trained on are too few to compare, or None."""
    if fair >= MIN_COMPARED_ROWS:
        return None
    if fair == rows:
        return f"the holdout has {rows} rows, a comparison needs {MIN_COMPARED_ROWS}"
    return (
        f"it was trained on all but {fair} of the {rows} holdout rows, a comparison needs {MIN_COMPARED_ROWS}"
    )


def _read_card(store: Store, claim: Claim) -> Card:
    try:
        return parse_card(fetch(store, claim))
    except ValueError as error:
        raise Unusable(f"{claim.uri} is no card: {error}") from error


def _spec_of(store: Store, card: Card) -> ModelSpec:
    if card.spec_claim is None:
        raise Unusable("the card names no model.yaml")
    try:
        return parse_spec(fetch(store, card.spec_claim), model=card.model)
    except SpecError as error:
        raise Unusable(f"the card names no readable model.yaml: {error}") from error


def _slices(
    spec: ModelSpec, table: pa.Table, whole: Scores, resamples: int, seed: int
) -> tuple[list[Slice], dict[str, int]]:
    """Return the slices that can be judged, and for each column how many cannot."""
    found: list[Slice] = []
    small: dict[str, int] = {}
    for column in spec.gate.slices:
        if column not in table.column_names:
            continue
        small[column] = 0
        for value, rows in slices_of(table, column):
            part = whole.rows_at(rows)
            fair = rows if part.fair is None else part.fair
            share = float(rows.mean())  # all slices of a column together may take as long as the whole
            measurement = part.measure(resamples, seed, share) if int(fair.sum()) >= MIN_SLICE_ROWS else None
            if measurement is None or not measurement.measured(compared=part.theirs is not None):
                small[column] += 1
            else:
                found.append(Slice(column, value, measurement))
    return found, small


def _verdict(completed: TrainingCompleted, gate: Gate, inputs: Inputs, decision: Decision) -> GateVerdict:
    whole, champion = inputs.whole, inputs.champion
    slices = [
        SliceResult(
            column=each.column,
            value=each.value,
            rows=each.standing.rows,
            metric=each.standing.reported,
            champion_metric=each.standing.champion,
            passed=slice_passes(METRICS[inputs.metric], gate, each.standing, champion),
        )
        for each in inputs.slices
    ]
    return GateVerdict(
        model=completed.model,
        version=completed.version,
        candidate=completed.candidate,
        metric=inputs.metric,
        value=whole.reported,
        minimum=gate.min,
        champion_version=champion.version if champion else None,
        champion_value=whole.champion,
        interval_low=whole.low,
        interval_high=whole.high,
        loss=whole.loss,
        champion_loss=whole.champion_loss,
        slices=sorted(slices, key=lambda each: each.passed)[:MAX_SLICES_LISTED],
        rows=whole.rows,
        rule=decision.rule,
        message=decision.message,
    )
