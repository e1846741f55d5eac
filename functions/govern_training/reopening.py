"""Harm that a refused version was to answer waits for the next one.

A version that waits for a person gives its place to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from eventing import catalogue as kinds
from eventing.event import Event, answer
from functions.govern_training import pending
from functions.govern_training.event_context import SOURCE, EventContext
from functions.govern_training.open_harm import leaves_harm_open
from functions.govern_training.records import load_runs
from functions.state import versions
from functions.state.runs import TrainingRun, runs_of

_SERVES = (versions.Fact.PROBATION, versions.Fact.PROMOTED)


def reopen(context: EventContext, run: TrainingRun) -> None:
    """Let the alarm that a run was to answer wait again, if its version was refused, or waits for a person.

    Not when another version is champion by now, or the same one anew: that harm is past.
    """
    harmed = run.harmed_version
    if harmed is None or not leaves_harm_open(load_runs(context.session, context.model), run.version):
        return
    if versions.champion(context.session, context.model) not in (None, harmed):
        return
    facts = versions.facts_of(context.session, context.model, harmed)
    if any(fact.fact in _SERVES and fact.at > run.approved_at for fact in facts):
        return
    reason = kinds.TrainingReason.PERFORMANCE
    pending.merge(context.row, reason, context.event, context.at, version=harmed)


def supersede(context: EventContext, run: TrainingRun) -> Sequence[Event]:
    """Refuse what waits for a person, when a newer version that answers proven harm got as far as it."""
    if run.harmed_version is None:
        return ()
    return [
        _superseded(context, older, run.version)
        for older in runs_of(context.session, context.model)
        if older.version < run.version and older.verdict == "asked" and older.rollout is None
    ]


def _superseded(context: EventContext, run: TrainingRun, newer: int) -> Event:
    run.verdict = "superseded"
    payload = kinds.ModelRejected(
        model=run.model,
        version=run.version,
        rejected_by="governor",
        message=f"superseded by v{newer}: labels prove harm, and it has learnt from newer rows",
        superseded_by=newer,
    )
    subject = f"{run.model}/v{run.version}"
    return answer(context.event, kinds.ModelRejected.type, SOURCE, subject, payload, now=context.now)
