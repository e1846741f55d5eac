"""The policies that are compared: what the product did, what it does now, and what was tried on the way."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pipelines import windows
from pipelines.spec import ModelSpec, parse_spec

SPEC = """\
model: stream
target: target
train: {{window: {window}}}
gate: {{margin: 0.02}}
rollout: {{phases: [shadow], margin: 0.02, min_labels: 100, deadline: 18000s}}
labels: {{window: 500s, min_rows: {release}}}
retrain:
  {{on: [dataset, performance], debounce: 1s, debounce_max: 3s, cooldown: 0s, cooldown_runs: 0,
   harm_cooldown: 0s, max_per_day: 1000, breaker: 1000, min_rows: {rows}, min_rows_share: {share},
   harm_min_rows: {harm}}}
"""


def spec(
    *,
    window: str = "auto",
    release: int = 250,
    rows: int = 250,
    share: float = 0.5,
    harm: int = 100,
) -> ModelSpec:
    """Return a model.yaml whose days are seconds."""
    text = SPEC.format(window=window, release=release, rows=rows, share=share, harm=harm)
    return parse_spec(text.encode(), model="stream")


@dataclass(frozen=True)
class Way:
    """A policy: a model.yaml, and what it has no word for.

    Attributes:
        existing: labels that were there before an alarm are released as rows to train on.
        switch: how a version that passed the gate takes over: after a shadow that the judge decides
            ("judge"), "at once", or "watched": at once, and taken back if the judge finds it worse than the
            version before. "harm" is watched after an alarm, and the judge otherwise.
        pool: how many former champions are held against the champion by each label.
        gate: "lenient" refuses after an alarm only what is shown to be worse; "none" nothing.
        hold: share of the rows that no model is fitted to.
        clearly: how clearly a shorter window must be better, in standard errors.
    """

    name: str
    spec: ModelSpec
    existing: bool = False
    switch: Literal["judge", "at once", "watched", "harm"] = "judge"
    pool: int = 0
    gate: Literal["strict", "lenient", "none"] = "strict"
    hold: float = 0.2
    clearly: float = windows.CLEARLY


BEFORE = Way("before", spec(window="{rows: 4000}", release=1000, rows=1500, share=0.05, harm=250))
"""`kascade stream` as it was: 1,000 labels at a time, 250 after an alarm, 4,000 rows, a shadow."""

NOW = Way("now", spec(), existing=True, switch="harm", pool=3)

_TRIED = (
    BEFORE,
    NOW,
    Way("no shadow", spec(), existing=True, switch="watched", pool=3),
    Way("no gate", spec(), existing=True, switch="watched", pool=3, gate="none"),
    Way("lenient gate", spec(), existing=True, switch="harm", pool=3, gate="lenient"),
    Way("no pool", spec(), existing=True, switch="harm"),
    Way("all rows", spec(window="all"), existing=True, switch="harm", pool=3),
    Way("newest 1,000", spec(window="{rows: 1000}"), existing=True, switch="harm", pool=3),
    Way("grown by a fifth", spec(share=0.2), existing=True, switch="harm", pool=3),
    Way("doubled", spec(share=1.0), existing=True, switch="harm", pool=3),
)
WAYS = MappingProxyType({way.name: way for way in _TRIED})
