"""What the pages about how to do something show is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.spec import check_rules, parse_spec

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to"
LISTED = (HOW_TO / "README.md").read_text(encoding="utf-8").split("## ")[0]


@pytest.mark.parametrize("page", ["own-data.md", "approval.md"])
def test_the_model_yaml_of_a_page_is_taken(page: str) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (HOW_TO / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        parse_spec(block.encode(), model="orders", checks=[check_rules])


def test_every_page_is_in_the_list() -> None:
    pages = {file.name for file in HOW_TO.glob("*.md")} - {"README.md"}
    assert pages - set(re.findall(r"\]\(([\w-]+\.md)\)", LISTED)) == set()
