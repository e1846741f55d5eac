"""The offline gate: from what two models measure on the same rows to a decision. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from pipelines.metrics import METRICS, Metric
from pipelines.spec import Gate

FUNCTION = "evaluate_model"
MIN_COMPARED_ROWS = 30
MIN_SLICE_ROWS = 30

_IN_UNITS_OF_THE_TARGET = frozenset({"rmse", "mae"})


@dataclass(frozen=True)
class Measurement:
    """How the candidate measures on some rows, beside the champion where there is one.

    Attributes:
        value: the candidate's metric on all of the rows; None where it is undefined.
        compared: the candidate's metric on the rows that the champion was not trained on.
        champion: the champion's metric on those.
        low: lower bound of the difference, turned so that more is better.
        high: upper bound.
        rows: how many rows there are.
        loss: the candidate's mean loss on them, where model.yaml says what errors cost; then the bounds are
            of that difference.
        champion_loss: the champion's.
    """

    value: float | None = None
    rows: int = 0
    compared: float | None = None
    champion: float | None = None
    low: float | None = None
    high: float | None = None
    loss: float | None = None
    champion_loss: float | None = None

    @property
    def reported(self) -> float:
        """The value for the event: on the rows compared, if any. Raises ValueError where it is undefined."""
        found = self.value if self.compared is None else self.compared
        if found is None:
            raise ValueError("an undefined metric has no value")
        return found

    def measured(self, *, compared: bool) -> bool:
        """Say whether everything is defined, with the comparison if there is one."""
        return self.value is not None and (not compared or None not in (self.champion, self.low, self.high))


@dataclass(frozen=True)
class Slice:
    """What was measured on the rows where `column` has `value`."""

    column: str
    value: str
    standing: Measurement


@dataclass(frozen=True)
class Champion:
    """What the candidate is compared with. `obstacle` says why it cannot be compared, if so."""

    version: int
    obstacle: str | None = None


@dataclass(frozen=True)
class Inputs:
    """All that a decision is made from.

    Attributes:
        problem: why the candidate could not be scored at all; then there is nothing else.
        metric: its name.
        whole: on the whole holdout.
        champion: None without one.
        slices: those large enough to judge.
        small: how many slices of a column are too small; a column of `gate.slices` that was measured has an
            entry.
        lacking: columns of `gate.slices` that the data lacks.
        loss: `rollout.loss` of the model.yaml it was trained with.
        tried_next: phases follow in which labels decide.
    """

    problem: str | None = None
    metric: str = ""
    whole: Measurement = Measurement()
    champion: Champion | None = None
    slices: tuple[Slice, ...] = ()
    small: Mapping[str, int] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()
    loss: str = "zero_one"
    tried_next: bool = False

    def unmeasured(self, gate: Gate) -> list[str]:
        """Name the columns of `gate.slices` that were not measured as another gate was in force."""
        return [column for column in gate.slices if column not in self.small and column not in self.lacking]


class Outcome(Enum):
    """What happens to the candidate."""

    APPROVE = "approve"
    ASK = "ask"
    REJECT = "reject"


@dataclass(frozen=True)
class Decision:
    """The outcome, the rule that decided it, and why in a sentence."""

    outcome: Outcome
    rule: str
    message: str


def decide(gate: Gate, inputs: Inputs) -> Decision:
    """Apply the gate's rules in order: integrity, minimum, comparability, margin, slices, the last word.

    Args:
        gate: the `gate` part of model.yaml.
        inputs: slices of columns that the gate does not name count for nothing.
    """
    if inputs.problem is not None:
        return Decision(Outcome.REJECT, "integrity", inputs.problem)
    decision = _by_numbers(METRICS[inputs.metric], gate, inputs)
    lacking = [column for column in gate.slices if column in inputs.lacking]
    if lacking and decision.outcome is not Outcome.REJECT:
        message = f"gate.slices names {', '.join(lacking)}, which the data lacks; a person decides"
        decision = Decision(Outcome.ASK, "slices", message)
    small = sum(inputs.small.get(column, 0) for column in gate.slices)
    if small:
        decision = replace(decision, message=f"{decision.message}; slices too small to judge: {small}")
    return decision


def _by_numbers(metric: Metric, gate: Gate, inputs: Inputs) -> Decision:
    whole, champion = inputs.whole, inputs.champion
    reason = below_minimum(metric, gate, whole)
    if reason is not None:
        return Decision(Outcome.REJECT, "min", reason)
    if champion is not None and champion.obstacle is not None:
        message = f"v{champion.version} cannot be compared: {champion.obstacle}; a person decides"
        return Decision(Outcome.ASK, "not-comparable", message)
    undecided = False
    if champion is not None:
        reason = worse_than_champion(metric, gate, whole, champion.version)
        if reason is not None and inputs.tried_next and gate.undecided == "try":
            undecided, reason = True, shown_to_be_worse(metric, gate, whole, champion.version)
        if reason is not None:
            return Decision(Outcome.REJECT, "margin", reason)
    named = [each for each in inputs.slices if each.column in gate.slices]
    failed = [each for each in named if not slice_passes(metric, gate, each.standing, champion)]
    if failed:
        names = ", ".join(f"{each.column}={each.value}" for each in failed[:5])
        more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
        return Decision(Outcome.REJECT, "slices", f"the gate does not hold where {names}{more}")
    message = _comparison(metric, whole, champion)
    if gate.approval == "manual":
        return Decision(Outcome.ASK, "approval", f"{message}; model.yaml asks for a person")
    if undecided:
        return Decision(
            Outcome.APPROVE, "undecided", f"{message}; the rows held aside decide nothing, labels will"
        )
    return Decision(Outcome.APPROVE, "passed" if champion else "first-model", message)


def slice_passes(metric: Metric, gate: Gate, measurement: Measurement, champion: Champion | None) -> bool:
    """Say whether a slice passes: the same two tests as the whole."""
    if below_minimum(metric, gate, measurement) is not None:
        return False
    return champion is None or worse_than_champion(metric, gate, measurement, champion.version) is None


def below_minimum(metric: Metric, gate: Gate, measurement: Measurement) -> str | None:
    """Say how the candidate misses `gate.min`, or None. For an error `gate.min` is the largest acceptable."""
    if measurement.value is None:
        return f"{metric.name} is undefined on the {measurement.rows} holdout rows"
    if gate.min is None or metric.score(measurement.value) >= metric.score(gate.min):
        return None
    side = "below" if metric.greater_is_better else "above"
    return f"{metric.name} {measurement.value:.4g} is {side} gate.min {gate.min:.4g}"


def shown_to_be_worse(metric: Metric, gate: Gate, measurement: Measurement, version: int) -> str | None:
    """Say why a candidate is not even to be tried beside the champion, or None.

    A difference that cannot be measured is no reason to try, nor is less than what the owner asks for.
    """
    if measurement.high is None or gate.better_than_champion_by > 0:
        return worse_than_champion(metric, gate, measurement, version)
    if measurement.high >= 0:
        return None
    return f"it is worse than v{version}: the difference is at most {measurement.high:.4g}"


def worse_than_champion(metric: Metric, gate: Gate, measurement: Measurement, version: int) -> str | None:
    """Say how the candidate falls short of the champion, or None.

    The margin of an error in the target's own units is a share of the champion's error.
    """
    if measurement.compared is None or measurement.champion is None or measurement.low is None:
        return f"the difference to v{version} is undefined on these rows"
    losses = measurement.loss, measurement.champion_loss
    in_units = losses == (None, None) and metric.name in _IN_UNITS_OF_THE_TARGET
    unit = abs(measurement.champion) if in_units else 1.0
    if measurement.low <= -gate.margin * unit:
        return (
            f"the difference to v{version} may be as low as {measurement.low:.4g}, "
            f"which is not above -{gate.margin * unit:.4g} (gate.margin)"
        )
    gained = metric.score(measurement.compared) - metric.score(measurement.champion)
    if measurement.loss is not None and measurement.champion_loss is not None:
        gained = measurement.champion_loss - measurement.loss
    wanted = gate.better_than_champion_by
    if wanted > 0 and gained < wanted * unit:
        return (
            f"it is better than v{version} by {gained:.4g}, not by {wanted * unit:.4g} "
            "(gate.better_than_champion_by)"
        )
    return None


def _comparison(metric: Metric, whole: Measurement, champion: Champion | None) -> str:
    if champion is None or whole.low is None or whole.high is None or whole.champion is None:
        return f"{metric.name} {whole.value:.4g} on {whole.rows} rows; there is no champion yet"
    if whole.loss is not None and whole.champion_loss is not None:
        return (
            f"loss {whole.loss:.4g} against {whole.champion_loss:.4g} of v{champion.version}, "
            f"difference, less being better, within [{whole.low:.4g}, {whole.high:.4g}]"
        )
    return (
        f"{metric.name} {whole.compared:.4g} against {whole.champion:.4g} of v{champion.version}, "
        f"difference within [{whole.low:.4g}, {whole.high:.4g}]"
    )
