"""Objects as the documentations of KServe and Seldon show them: their fields are known."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from support.documented_samples import KSERVE, SELDON

from knative.local.resources.kinds import problems_of

SAMPLES = [*yaml.safe_load_all(KSERVE), *yaml.safe_load_all(SELDON)]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
def test_a_documented_sample_is_taken(sample: dict[str, Any]) -> None:
    assert problems_of(sample) == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
def test_a_misspelt_field_of_it_is_refused(sample: dict[str, Any]) -> None:
    spec = {**sample["spec"], "predictr": {}}
    assert [each for each in problems_of({**sample, "spec": spec}) if "predictr" in str(each)]
