"""The scikit-learn models of the comparison, fitted anew in each process: nothing is unpickled.

The data are scikit-learn's breast cancer set: 569 rows, 30 features, two classes.
"""

from __future__ import annotations

from typing import Any

FEATURES = 30


def unfitted(name: str) -> Any:
    """Return the pipeline `lr` or `rf` with all that it imports."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name == "lr":
        from sklearn.linear_model import LogisticRegression

        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    from sklearn.ensemble import RandomForestClassifier

    return make_pipeline(StandardScaler(), RandomForestClassifier(200, random_state=0, n_jobs=1))


def fit(model: Any) -> Any:
    """Fit a pipeline; the same data and seed give the same model in every process."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return model.fit(x, y)
