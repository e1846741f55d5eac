"""alibi-detect's SpotTheDiffDrift: learns the few directions in which the window differs. Needs torch."""

from __future__ import annotations

from functions.detect_drift.columns import Table
from functions.detect_drift.detection import ALL, Detection, Options, Test
from functions.detect_drift.detectors.alibi import alibi_on_torch
from functions.detect_drift.detectors.matrices import matrices
from functions.detect_drift.detectors.on_torch import torch_seeded


def detect(reference: Table, current: Table, options: Options) -> Detection:
    """Learn the difference on half of both sides, and test it on the other half.

    Raises:
        MissingExtra: alibi-detect or torch is not installed.
    """
    drift = alibi_on_torch("cd", "SpotTheDiffDrift")
    both = matrices(reference, current, seed=options.seed)
    if both is None:
        return Detection(())
    with torch_seeded(options.seed):
        detector = drift(
            both.reference,
            backend="pytorch",
            train_size=0.5,
            seed=options.seed,
            epochs=20,
            learning_rate=0.03,
            device="cpu",
        )
        data = detector.predict(both.current, return_probs=False, return_model=False)["data"]
    largest = both.largest
    test = Test(
        ALL, "spot-the-diff", float(data["distance"]), float(data["p_val"]), largest.value, largest.name
    )
    return Detection((test,), both.untested)
