"""The names that `drift.detector` and `outliers.detector` of a model.yaml may have.

The detectors themselves are in `functions.detect_drift.detectors` and `functions.log_inferences.outliers`; a
test holds the names together.
"""

from __future__ import annotations

from collections.abc import Iterable

from eventing.catalogue import Problem
from pipelines.spec.model import ModelSpec
from pipelines.spec.problems import nearest

DRIFT = (
    "tabular",
    "ks",
    "cvm",
    "chi_square",
    "classifier",
    "mmd",
    "lsdd",
    "spot_the_diff",
    "cvm_online",
    "fet_online",
    "scipy_tabular",
    "scipy_ks",
    "scipy_chi_square",
)
OUTLIERS = ("isolation_forest",)


def check_detectors(spec: ModelSpec) -> Iterable[Problem]:
    """Yield a detector that is not known, with the nearest that is."""
    for section, name, known in (
        ("drift", spec.drift.detector, DRIFT),
        ("outliers", spec.outliers.detector, OUTLIERS),
    ):
        if name is not None and name not in known:
            fix = nearest(name, known)
            yield Problem(where=f"{section}.detector", problem=f"'{name}' is no detector", fix=fix)
