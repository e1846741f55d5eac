"""A detector that nobody has is refused when its model.yaml is dropped, with the nearest name."""

from __future__ import annotations

import pytest

from functions.detect_drift import detectors
from functions.log_inferences import outliers
from pipelines.spec import SpecError, check_rules, parse_spec
from pipelines.spec.detectors import DRIFT, OUTLIERS


@pytest.mark.parametrize(
    ("text", "where", "fix"),
    [
        ("drift: {detector: tabuler}", "drift.detector", "did you mean 'tabular'?"),
        ("outliers: {detector: isolation_forrest}", "outliers.detector", "did you mean 'isolation_forest'?"),
    ],
)
def test_a_misspelt_detector_is_refused_with_the_nearest_name(text: str, where: str, fix: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(f"target: y\n{text}\n".encode(), model="churn", checks=[check_rules])
    (problem,) = caught.value.problems
    assert (problem.where.split(" ")[0], problem.fix) == (where, fix)


@pytest.mark.parametrize("name", DRIFT)
def test_every_detector_is_taken(name: str) -> None:
    raw = f"target: y\ndrift: {{detector: {name}}}\noutliers: {{detector: {OUTLIERS[0]}}}\n".encode()
    assert parse_spec(raw, model="churn", checks=[check_rules]).drift.detector == name


def test_the_names_are_those_of_the_detectors_there_are() -> None:
    assert set(DRIFT) == set(detectors.DETECTORS)
    assert set(OUTLIERS) == set(outliers.DETECTORS)
