"""The model spec: what a person writes in `model.yaml`, as an immutable value, and every way it can be wrong.

    raw = Path("model.yaml").read_bytes()
    spec = parse_spec(raw, model="churn")      # raises SpecError listing every problem with its line
    spec.train.holdout, spec.retrain.cooldown  # typed, with defaults filled in

`docs/model-yaml.md` is the reference of the keys; a test holds it and these classes together.
"""

from pipelines.spec.columns import ColumnRule, Kind
from pipelines.spec.document import MAX_SPEC_BYTES, decode_spec
from pipelines.spec.durations import format_duration, parse_duration
from pipelines.spec.model import RESERVED_NAMES, ModelSpec
from pipelines.spec.parse import Check, parse_spec, spec_digest
from pipelines.spec.policies import Drift, Gate, Ingest, Labels, Retrain, Rollout
from pipelines.spec.problems import SpecError
from pipelines.spec.rules import check_rules
from pipelines.spec.train import Candidate, Train, Window

__all__ = [
    "MAX_SPEC_BYTES",
    "RESERVED_NAMES",
    "Candidate",
    "Check",
    "ColumnRule",
    "Drift",
    "Gate",
    "Ingest",
    "Kind",
    "Labels",
    "ModelSpec",
    "Retrain",
    "Rollout",
    "SpecError",
    "Train",
    "Window",
    "check_rules",
    "decode_spec",
    "format_duration",
    "parse_duration",
    "parse_spec",
    "spec_digest",
]
