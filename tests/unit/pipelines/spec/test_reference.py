"""docs/model-yaml.md and the classes say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.spec import SpecError, parse_spec
from pipelines.spec.model import SECTIONS
from pipelines.spec.reference import replace_block, yaml_of

DOCUMENT = Path(__file__).parents[4] / "docs" / "model-yaml.md"


def test_the_reference_is_what_the_classes_say() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    assert replace_block(text) == text, "run: python -m pipelines.spec docs/model-yaml.md"


def test_the_errors_shown_in_the_reference_are_real() -> None:
    raw = b"target: y\n\n\n\n\ntrain:\n  holdot: 1\n\n\n\nretrain:\n  cooldown: 6 hours\n"
    with pytest.raises(SpecError) as caught:
        parse_spec(raw, model="churn")

    text = DOCUMENT.read_text(encoding="utf-8")
    for line in str(caught.value).splitlines():
        assert f"\n{line}\n" in text


def test_every_key_is_described_with_an_example_that_is_valid() -> None:
    for path, section in SECTIONS.items():
        for name, info in section.model_fields.items():
            assert info.description, (path, name)
            assert info.examples, (path, name)


@pytest.mark.parametrize(
    "text", ["plain", "two words", "no", "null", "a: b", "#x", '"', "\\", "é", "12", "-", "a\nb", "[x]"]
)
def test_text_is_read_back_as_it_was_written(text: str) -> None:
    spec = parse_spec(f"target: {yaml_of(text)}".encode(), model="churn")

    assert spec.target == text
