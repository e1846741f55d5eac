"""Training runs that completed."""

from __future__ import annotations

from typing import Any

from eventing.catalogue import Claim, TrainingCompleted

DIGEST = "0" * 64


def completed_training(version: int = 1, **changes: Any) -> TrainingCompleted:
    """Return the payload of the run that made a version of churn; its files are only named."""
    claim = Claim(uri=f"s3://models/churn/v{version}/model.onnx", sha256="a" * 64)
    plain: dict[str, Any] = {
        "model": "churn",
        "version": version,
        "run_id": f"churn-v{version}",
        "candidate": claim,
        "card": claim,
        "holdout": claim,
        "reference": claim,
        "metrics": {},
        "dataset_digest": DIGEST,
        "config_digest": DIGEST,
        "code_digest": DIGEST,
        "train_rows": 1,
        "seconds": 1.0,
    }
    return TrainingCompleted.model_validate(plain | changes)
