"""The estimators a spec may name: what they are, how a grid becomes experiments, and how one is built."""

from pipelines.estimators.check import check_training, missing_packages
from pipelines.estimators.estimator_spec import EstimatorSpec
from pipelines.estimators.registry import REGISTRY, default_candidates, find

__all__ = ["REGISTRY", "EstimatorSpec", "check_training", "default_candidates", "find", "missing_packages"]
