"""Decides whether a training run starts, waits or is refused: a pure function of policy and inputs.

The rules are asked in the order of `RULES`; the first that objects decides, and its name is in the event.
A person's request is asked only `dataset`, `dedupe` and `single-flight`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from eventing.catalogue import TrainingReason
from functions.govern_training.facts import Decision, Inputs, Refuse, Request, Run, Start, Wait
from functions.state.run_facts import DAY, automatic_within_a_day, refused_in_a_row
from pipelines.spec import Retrain

MAX_DEPTH = 16
MAX_ATTEMPTS = 2
_STANDING = {"approved": "the rollout of v{} is not over", "asked": "v{} waits for a person"}
_FORCE = "; a person may train all the same: kascade retrain --force"

ALARMS = frozenset({TrainingReason.PERFORMANCE, TrainingReason.DRIFT, TrainingReason.PRECAUTIONARY})
"""What says that the champion is not good any more: it stays true until rows come to learn from."""

Rule = Callable[[Retrain, Inputs], Wait | Refuse | None]

URGENCY = (
    TrainingReason.MANUAL,
    TrainingReason.PERFORMANCE,
    TrainingReason.DRIFT,
    TrainingReason.PRECAUTIONARY,
    TrainingReason.DATASET,
    TrainingReason.AGE,
)
"""Of several reasons the first here is the run's, and its trigger the cause."""


def decide(policy: Retrain, inputs: Inputs) -> Decision:
    """Ask every rule in order; the first that objects decides, else the run starts.

    Args:
        policy: the `retrain` part of model.yaml.
        inputs: triggers that `retrain.on` leaves out count for nothing.
    """
    request = inputs.request
    if not request.manual:
        objection = _enabled(policy, request)
        if objection is not None:
            return objection
        request = replace(request, reasons=_wanted(policy, request))
        inputs = replace(inputs, request=request)
    for rule in MANUAL_RULES if request.manual else RULES:
        found = rule(policy, inputs)
        if found is not None:
            return found
    most_urgent = next(reason for reason in URGENCY if reason in request.reasons)
    return Start(_rule_of_start(policy, inputs), most_urgent)


def reason_of(decision: Decision, inputs: Inputs) -> TrainingReason:
    """Return the reason that is announced with a decision."""
    if isinstance(decision, Start):
        return decision.reason
    return min(inputs.request.reasons, key=list(TrainingReason).index)


def _rule_of_start(policy: Retrain, inputs: Inputs) -> str:
    if inputs.request.manual:
        return "manual"
    if missing_rows(policy, inputs) <= 0:
        return "enough-rows"
    return "harm" if _harm_suffices(policy, inputs) else "age"


def _dataset(policy: Retrain, inputs: Inputs) -> Wait | Refuse | None:
    """Wait where the request came before its data; refuse a model without a model.yaml: it may be a typo."""
    if inputs.request.digests is not None:
        return None
    message = "no dataset of this model has been ingested: drop a file into its folder"
    return Wait("dataset", message, None) if inputs.request.known else Refuse("dataset", message)


def _wanted(policy: Retrain, request: Request) -> frozenset[TrainingReason]:
    """Return the reasons that `retrain.on` lists; a precaution is a kind of drift."""
    listed = set(policy.on)
    return frozenset(
        reason
        for reason in request.reasons
        if ("drift" if reason is TrainingReason.PRECAUTIONARY else reason.value) in listed
    )


def _enabled(policy: Retrain, request: Request) -> Refuse | None:
    if _wanted(policy, request):
        return None
    asked = ", ".join(sorted(request.reasons))
    return Refuse("enabled", f"retrain.on in model.yaml does not list {asked}")


def _retired(policy: Retrain, inputs: Inputs) -> Refuse | None:
    if not inputs.request.retired:
        return None
    return Refuse("retired", "the model is retired: ask with `kascade retrain`, or drop a changed model.yaml")


def _loop_guard(policy: Retrain, inputs: Inputs) -> Refuse | None:
    if inputs.request.trained_in_chain:
        return Refuse("loop-guard", "a run of this model is itself among the causes of this trigger")
    if inputs.request.depth > MAX_DEPTH:
        return Refuse("loop-guard", f"the trigger's chain of causes is longer than {MAX_DEPTH} events")
    return None


def _harm_first(policy: Retrain, inputs: Inputs) -> Refuse | None:
    """Leave drift to a report where labels show no harm, or where nothing says that it matters."""
    if inputs.request.reasons != {TrainingReason.DRIFT}:
        return None
    return Refuse(
        "harm-first",
        "drift by itself opens a report: labels show no harm yet, or there are none and it is not strong",
    )


def _dedupe(policy: Retrain, inputs: Inputs) -> Wait | Refuse | None:
    if inputs.request.forced:
        return None
    same = [run for run in inputs.runs if run.digests == inputs.request.digests]
    for run in same:
        if run.outcome == "completed":
            if inputs.request.reasons & ALARMS and not inputs.request.manual:
                return Wait(
                    "dedupe", f"no rows are new since run {run.run_id}: it starts when some come", None
                )
            message = f"run {run.run_id} trained on exactly this data, code and model.yaml{_FORCE}"
            return Refuse("dedupe", message, run.run_id)
        if run.outcome is None and run.lease_until > inputs.now:
            message = f"run {run.run_id} is training on exactly this data, code and model.yaml{_FORCE}"
            return Refuse("dedupe", message, run.run_id)
    if len(same) >= MAX_ATTEMPTS and not inputs.request.manual:
        return Refuse(
            "dedupe",
            f"{len(same)} runs on exactly these inputs ended without a model, the last is {same[-1].run_id}: "
            "mend the data or model.yaml, or send training.requested",
            same[-1].run_id,
        )
    return None


def may_retry(runs: Sequence[Run], lost: Run) -> bool:
    """Say whether a lost run is tried again by itself: once."""
    return sum(run.digests == lost.digests for run in runs) < MAX_ATTEMPTS


def _single_flight(policy: Retrain, inputs: Inputs) -> Wait | None:
    for run in reversed(inputs.runs):
        if run.ended_at is None:
            if run.lease_until > inputs.now and not inputs.request.forced:
                return Wait("single-flight", f"run {run.run_id} is under way", run.lease_until)
        elif _is_held(run, inputs):
            why = _STANDING.get(run.verdict or "", "the offline gate of v{} is not over")
            return Wait("single-flight", why.format(run.version), run.hold_until)
    return None


def _is_held(run: Run, inputs: Inputs) -> bool:
    """Say whether a run's candidate keeps others waiting.

    When labels prove harm, neither one in its rollout does, nor one that waits for a person.
    """
    if not is_judged(run) or run.hold_until is None or run.hold_until <= inputs.now:
        return False
    return run.verdict not in _STANDING or TrainingReason.PERFORMANCE not in inputs.request.reasons


def is_judged(run: Run) -> bool:
    """Say whether a run's candidate is before the gate, or in its rollout."""
    refused = run.verdict in ("rejected", "superseded")
    return run.outcome == "completed" and run.rollout is None and not refused


def _breaker(policy: Retrain, inputs: Inputs) -> Refuse | None:
    if refused_in_a_row(inputs.runs) < policy.breaker:
        return None
    return Refuse(
        "breaker",
        f"the last {policy.breaker} challengers were rejected or rolled back, so automatic runs stop: "
        "look at the data, then send training.requested",
    )


def _budget(policy: Retrain, inputs: Inputs) -> Wait | Refuse | None:
    if policy.max_per_day == 0:
        return Refuse("budget", "retrain.max_per_day is 0: send training.requested")
    recent = automatic_within_a_day(inputs.runs, inputs.now)
    if len(recent) < policy.max_per_day:
        return None
    return Wait(
        "budget",
        f"{policy.max_per_day} automatic runs in 24 hours are the limit (retrain.max_per_day)",
        recent[-policy.max_per_day].approved_at + DAY,
    )


def _cooldown(policy: Retrain, inputs: Inputs) -> Wait | None:
    harm = TrainingReason.PERFORMANCE in inputs.request.reasons
    until = cooled_down_at(policy, inputs.runs, harm=harm)
    if until is None or until <= inputs.now:
        return None
    key = "harm_cooldown" if harm else "cooldown"
    return Wait("cooldown", f"the last run ended too short a time ago (retrain.{key})", until)


def cooled_down_at(policy: Retrain, runs: Sequence[Run], *, harm: bool) -> datetime | None:
    """Return when the cooldown after the last run ends.

    After a run that made no model, the cooldown is only as long as the run was.
    """
    last = _last_ended(runs)
    if last is None or last.ended_at is None:
        return None
    length = policy.cooldown_runs * last.length
    quiet = max(policy.cooldown, length) if last.outcome == "completed" else length
    return last.ended_at + (min(quiet, policy.harm_cooldown) if harm else quiet)


def _last_ended(runs: Sequence[Run]) -> Run | None:
    ended = [run for run in runs if run.ended_at is not None and not run.registered]
    return max(ended, key=lambda run: run.ended_at or run.approved_at, default=None)


def _debounce(policy: Retrain, inputs: Inputs) -> Wait | None:
    if inputs.request.reasons == {TrainingReason.AGE}:
        return None
    until = min(inputs.request.last_at + policy.debounce, inputs.request.first_at + policy.debounce_max)
    if until <= inputs.now:
        return None
    return Wait("debounce", "waiting until no more triggers come (retrain.debounce)", until)


def missing_rows(policy: Retrain, inputs: Inputs) -> int:
    """Return how many new rows a run still lacks; 0 or less when there are enough.

    A run that answered harm had few rows of what is new, so the next one waits for no share of them.
    """
    last = _last_model(inputs.runs)
    if last is None:
        return policy.min_rows - inputs.request.total_rows
    share = 0.0 if last.answers_harm else policy.min_rows_share
    needed = max(policy.min_rows, math.ceil(share * (last.train_rows or last.rows)))
    return needed - (inputs.request.total_rows - last.rows)


def _harm_suffices(policy: Retrain, inputs: Inputs) -> bool:
    """Say whether labels show harm and enough rows are new: known rows would give the same model again."""
    last = _last_model(inputs.runs)
    new = inputs.request.total_rows - (last.rows if last else 0)
    return TrainingReason.PERFORMANCE in inputs.request.reasons and new >= policy.harm_min_rows


def _last_model(runs: Sequence[Run]) -> Run | None:
    trained = (run for run in reversed(runs) if run.outcome == "completed" and not run.registered)
    return next(trained, None)


def aged_at(policy: Retrain, runs: Sequence[Run]) -> datetime | None:
    """Return when the last run is so old that the model is trained anyway; None without a run or when off."""
    last = _last_ended(runs)
    if last is None or last.ended_at is None or TrainingReason.AGE not in policy.on:
        return None
    return last.ended_at + policy.max_age


def _enough_rows(policy: Retrain, inputs: Inputs) -> Wait | None:
    missing = missing_rows(policy, inputs)
    if missing <= 0 or _harm_suffices(policy, inputs):
        return None
    aged = aged_at(policy, inputs.runs)
    if aged is not None and aged <= inputs.now:
        return None
    message = f"{missing} more new rows are needed: drop them, or lower retrain.min_rows in model.yaml"
    return Wait("enough-rows", message, aged)


MANUAL_RULES: tuple[Rule, ...] = (_dataset, _dedupe, _single_flight)
RULES: tuple[Rule, ...] = (
    _retired,
    _dataset,
    _loop_guard,
    _harm_first,
    _dedupe,
    _single_flight,
    _breaker,
    _budget,
    _cooldown,
    _debounce,
    _enough_rows,
)
