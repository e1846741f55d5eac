"""Every detector by the name that model.yaml's `drift.detector` gives it: one file and one line each.

A detector takes the reference, the window and its options, and returns the tests that it made; it decides
nothing. Those named `scipy_…` need no alibi-detect, whose licence allows production use only with its
owner's agreement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from functions.detect_drift.columns import Table
from functions.detect_drift.detection import Detection, Options
from functions.detect_drift.detectors import (
    chi_square,
    classifier,
    cvm,
    cvm_online,
    fet_online,
    ks,
    lsdd,
    mmd,
    scipy_chi_square,
    scipy_ks,
    scipy_tabular,
    spot_the_diff,
    tabular,
)

Detector = Callable[[Table, Table, Options], Detection]

DETECTORS: Mapping[str, Detector] = {
    "tabular": tabular.detect,
    "ks": ks.detect,
    "cvm": cvm.detect,
    "chi_square": chi_square.detect,
    "classifier": classifier.detect,
    "mmd": mmd.detect,
    "lsdd": lsdd.detect,
    "spot_the_diff": spot_the_diff.detect,
    "cvm_online": cvm_online.detect,
    "fet_online": fet_online.detect,
    "scipy_tabular": scipy_tabular.detect,
    "scipy_ks": scipy_ks.detect,
    "scipy_chi_square": scipy_chi_square.detect,
}
