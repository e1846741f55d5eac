"""What the tutorial asks its reader to save and type is right. `make tutorial` follows it for real."""

from __future__ import annotations

import pytest

from docs.site.tutorial import PAGE, Save, Type, steps
from pipelines.estimators import check_training
from pipelines.spec import check_rules, parse_spec

STEPS = list(steps(PAGE.read_text(encoding="utf-8")))
FILES = {step.name: step.text for step in STEPS if isinstance(step, Save)}
COMMANDS = [step.command for step in STEPS if isinstance(step, Type)]


def test_its_files_and_commands_are_found_in_their_order() -> None:
    assert list(FILES) == ["digits.py", "model.yaml", "ask.py"]
    assert COMMANDS[0] == "make run"
    assert COMMANDS[-1] == "kascade explain digits/v2"
    assert [each for each in COMMANDS if each.startswith("kascade drop")] == [
        "kascade drop model.yaml first.csv --model digits",
        "kascade drop second.csv --model digits",
    ]


def test_its_model_yaml_is_taken() -> None:
    parse_spec(FILES["model.yaml"].encode(), model="digits", checks=[check_rules, check_training])


@pytest.mark.parametrize("name", ["digits.py", "ask.py"])
def test_its_programs_are_python(name: str) -> None:
    compile(FILES[name], name, "exec")


def test_a_block_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="does not say where to save"):
        list(steps("Do this.\nAnd this:\n\n```python\nprint()\n```\n"))
