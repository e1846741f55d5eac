"""The model.yaml of a stream whose user gave none."""

from __future__ import annotations

import pytest

from kascade.stream.play import default_spec
from pipelines.spec import check_rules, parse_spec


@pytest.mark.parametrize("label_delay_s", [0.0, 1.0, 59.0, 60.0, 3600.0])
def test_it_keeps_the_rules_however_late_the_labels_come(label_delay_s: float) -> None:
    raw = default_spec("rain", "target", label_delay_s=label_delay_s, frozen=False)
    assert parse_spec(raw, model="rain", checks=[check_rules]).target == "target"
