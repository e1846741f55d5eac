"""Models that are trained only when a person asks, and whose days are seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from support.live_system import LiveSystem, customers, eventually

from eventing import catalogue as c

POOR = {"estimator": "decision_tree", "grid": {"max_depth": [1]}}
GOOD = {"estimator": "logistic_regression", "grid": {"C": [1.0]}}
FEATURES = {"amount": 10.0, "visits": 1, "country": "PL", "seen_on": "2025-03-04"}
"""A row to ask about."""


def spec(
    model: str,
    candidate: Mapping[str, Any],
    *,
    rollout: Mapping[str, Any],
    labels: str = "15s",
    **gate: float,
) -> bytes:
    """Return a model.yaml for `customers`.

    Args:
        candidate: the one estimator that is tried.
        rollout: what differs from a long deadline and a margin of 0.05.
        labels: how long labels are waited for.
        gate: the section of this name.
    """
    return json.dumps(
        {
            "model": model,
            "target": "churned",
            "entity": "customer",
            "train": {"metric": "accuracy", "candidates": [candidate]},
            "gate": gate,
            "rollout": {"margin": 0.05, "deadline": "10m", **rollout},
            "labels": {"window": labels, "train": False},
            "retrain": {"on": []},
        }
    ).encode()


def begin(system: LiveSystem, model: str, model_yaml: bytes) -> dict[str, Any]:
    """Drop a model.yaml and data, have a first version trained; return how its rollout ended."""
    system.put(f"s3://raw/{model}/model.yaml", model_yaml)
    system.put(f"s3://raw/{model}/customers.csv", customers(1500))
    system.wait_for(c.DatasetIngested.type, subject=model)
    ask(system, model)
    return system.wait_for(c.RolloutCompleted.type, subject=f"{model}/v1")


def train(system: LiveSystem, model: str, model_yaml: bytes) -> None:
    """Have another version made, by a person's request."""
    before = len(system.events(type=c.SpecRegistered.type, subject=model))
    system.put(f"s3://raw/{model}/model.yaml", model_yaml)
    eventually(
        lambda: len(system.events(type=c.SpecRegistered.type, subject=model)) > before, 60, what="model.yaml"
    )
    ask(system, model)


def ask(system: LiveSystem, model: str) -> None:
    """Ask for a training, and wait for nothing."""
    system.client.send(c.TrainingRequested.type, {"model": model}, subject=model)
