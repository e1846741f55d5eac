"""The policies that are compared. `TODAY` is what the product does; the others are what was tried."""

from __future__ import annotations

from benchmarks.streams.loop import Way
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
    window: str = "{rows: 4000}",
    release: int = 1000,
    rows: int = 1500,
    share: float = 0.05,
    harm: int = 250,
) -> ModelSpec:
    """Return a model.yaml whose days are seconds."""
    text = SPEC.format(window=window, release=release, rows=rows, share=share, harm=harm)
    return parse_spec(text.encode(), model="stream")


BEFORE = Way("before", spec())
AUTO = spec(window="all")
WAYS = (
    BEFORE,
    Way("before, at once", spec(), switch="at once", gated=False),
    Way("auto, judge", AUTO, auto=True, existing=True),
    Way("auto, watched", AUTO, auto=True, existing=True, switch="watched"),
)
