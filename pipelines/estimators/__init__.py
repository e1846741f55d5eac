"""The estimators a spec may name: what they are, how a grid becomes experiments, and how one is built."""

from pipelines.estimators.check import check_training
from pipelines.estimators.registry import REGISTRY, EstimatorSpec, default_candidates, find

__all__ = ["REGISTRY", "EstimatorSpec", "check_training", "default_candidates", "find"]
