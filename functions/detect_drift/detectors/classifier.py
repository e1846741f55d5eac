"""alibi-detect's ClassifierDrift: can a classifier distinguish the window from the reference?"""

from __future__ import annotations

import logging

from functions.detect_drift.columns import Table
from functions.detect_drift.detection import ALL, Detection, Options, Test
from functions.detect_drift.detectors.alibi import alibi, seeded
from functions.detect_drift.detectors.matrices import matrices


def detect(reference: Table, current: Table, options: Options) -> Detection:
    """Train a random forest on half of both sides, and test its scores on the other half.

    The effect is the Kolmogorov-Smirnov distance between the scores of both sides, in [0, 1].

    Raises:
        MissingExtra: alibi-detect is not installed.
    """
    drift = alibi("cd", "ClassifierDrift")
    # It warns of what it sets by itself, each time.
    logging.getLogger("alibi_detect.cd.sklearn.classifier").setLevel(logging.ERROR)
    from sklearn.ensemble import RandomForestClassifier

    both = matrices(reference, current, seed=options.seed)
    if both is None:
        return Detection(())
    forest = RandomForestClassifier(n_estimators=100, min_samples_leaf=10, random_state=options.seed)
    with seeded(options.seed):
        detector = drift(both.reference, forest, backend="sklearn", train_size=0.5, seed=options.seed)
        data = detector.predict(both.current, return_probs=False, return_model=False)["data"]
    distance = float(data["distance"])
    test = Test(ALL, "classifier", distance, float(data["p_val"]), distance, "ks-of-scores")
    return Detection((test,), both.untested)
