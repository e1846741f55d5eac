"""The policies that are compared: what the product did, what it does now, and what was tried on the way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

from pipelines import windows
from pipelines.spec import ModelSpec, parse_spec

SPEC = """\
model: stream
target: target
train: {{window: {window}}}
gate: {{margin: 0.02, undecided: {undecided}}}
rollout: {{phases: [shadow], margin: 0.02, min_labels: 100, deadline: 1500s}}
labels: {{window: 500s, min_rows: {release}}}
retrain:
  {{on: [dataset, performance], debounce: 1s, debounce_max: 3s, cooldown: 0s, cooldown_runs: 0,
   harm_cooldown: 0s, max_per_day: 1000, breaker: 1000, min_rows: {rows}, min_rows_share: {share},
   harm_min_rows: {harm}}}
"""


RARE = 0.1
"""The margin where errors of a rare class cost more: 1 % positives do not show less."""


def spec(
    *,
    window: str = "auto",
    release: int = 250,
    rows: int = 250,
    share: float = 0.1,
    harm: int = 100,
    undecided: str = "try",
) -> ModelSpec:
    """Return a model.yaml whose days are seconds."""
    text = SPEC.format(window=window, release=release, rows=rows, share=share, harm=harm, undecided=undecided)
    return parse_spec(text.encode(), model="stream")


@dataclass(frozen=True)
class Way:
    """A policy: a model.yaml, and what it has no word for.

    Attributes:
        existing: labels that were there before an alarm are released as rows to train on.
        probation: after an alarm a version that passed the gate serves at once, and is taken back if the
            judge finds it worse than the one before; else a shadow comes first.
        pool: how many former champions are held against the champion by each label.
        clearly: how clearly a shorter window must be better, in standard errors.
        held_learnt: rows held aside in order of arrival are learnt from as well once they have judged.
        evidence: a shadow begins with the rows held aside, as far as the champion has not learnt from them.
        harm_goes_on: a training that proven harm asks for does not wait for a shadow to end.
        balanced: where a class is rare, `rollout.loss` is `balanced`, and margins are those of `RARE`.
        recall_ends_phases: a former champion that is called back ends a shadow of another version.
        harm_stays_open: harm that a refused version was to answer waits for the next one.
    """

    name: str
    spec: ModelSpec
    existing: bool = True
    probation: bool = True
    pool: int = 3
    clearly: float = windows.CLEARLY
    held_learnt: bool = True
    evidence: bool = True
    harm_goes_on: bool = True
    harm_stays_open: bool = True
    balanced: bool = True
    recall_ends_phases: bool = True

    def for_rare(self) -> Way:
        """Return the policy as the owner of a model with a rare class sets it."""
        rollout = self.spec.rollout.model_copy(update={"loss": "balanced", "margin": RARE})
        gate = self.spec.gate.model_copy(update={"margin": RARE})
        return replace(self, spec=self.spec.model_copy(update={"rollout": rollout, "gate": gate}))


NOW = Way("now", spec())

FIRST = Way(
    "first",
    spec(window="{rows: 4000}", release=1000, rows=1500, share=0.05, harm=250, undecided="refuse"),
    existing=False,
    probation=False,
    pool=0,
    held_learnt=False,
    evidence=False,
    harm_goes_on=False,
    harm_stays_open=False,
    recall_ends_phases=False,
)
"""`kascade stream` as it once was: 1,000 labels at a time, 250 after an alarm, 4,000 rows, a shadow."""

BEFORE = Way(
    "before",
    spec(share=0.5, undecided="refuse"),
    held_learnt=False,
    evidence=False,
    harm_goes_on=False,
    harm_stays_open=False,
    recall_ends_phases=False,
)
"""Windows, probation and pool as now, but the holdout only judges, and the gate asks for its lower bound."""

_TRIED = (
    FIRST,
    BEFORE,
    NOW,
    replace(NOW, name="half as many new rows", spec=spec(share=0.5)),
    replace(NOW, name="strict gate", spec=spec(undecided="refuse")),
    replace(NOW, name="holdout not learnt from", held_learnt=False),
    replace(NOW, name="shadow without evidence", evidence=False),
    replace(NOW, name="harm waits", harm_goes_on=False),
    replace(NOW, name="each error costs 1", balanced=False),
    replace(NOW, name="recall waits for shadows", recall_ends_phases=False),
    replace(NOW, name="harm is spent", harm_stays_open=False),
    replace(NOW, name="no pool", pool=0),
    replace(NOW, name="all rows", spec=spec(window="all")),
)
WAYS = MappingProxyType({way.name: way for way in _TRIED})
