"""model.yaml: a spec, or problems that say where."""

from __future__ import annotations

from pipelines.spec import parse_spec, spec_digest
from pipelines.spec.problems import SpecError

SEEDS = [
    b"target: y\n",
    b"""model: churn
task: classification
target: churned
entity: customer_id
timestamp: seen_at
schema: {amount: {type: float, min: 0, nullable: false}, country: {type: category, values: [DE, FR]}}
train: {metric: roc_auc, holdout: 0.2, seed: 5, candidates: [{estimator: logistic_regression, grid: {C: [0.1, 1]}}]}
gate: {min: 0.75, better_than_champion_by: 0.0, slices: [country], approval: manual}
rollout: {phases: [shadow, canary], canary_percent: 10, margin: 0.01, alpha: 0.05, min_labels: 100, deadline: 14d}
drift: {alpha: 0.05, window: 500, min_effect: 0.1, features: all}
retrain: {on: [dataset, drift], debounce: 60s, cooldown: 6h, max_per_day: 4, max_age: 30d}
labels: {window: 7d}
ingest: {tolerated_bad_rows: 0.1, encoding: latin-1, clock_skew: 5m}
""",
]
TOKENS = [
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!python/object:os.system ",
    b"!!binary ",
    b"!!set ",
    b"? ",
    b"- ",
    b"|\n",
    b"---\n",
]
TOKENS += [
    b".inf",
    b".nan",
    b"0o7",
    b"1:30:00",
    b"2026-01-01",
    b"99999999999d",
    b"1e400",
    b"~",
    b": ",
    b"{",
    b"}",
    b"[",
]


def run(data: bytes) -> None:
    """Parse; what was parsed has a digest."""
    try:
        spec_digest(parse_spec(data, model="churn"))
    except SpecError as error:
        assert str(error)
