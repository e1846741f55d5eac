"""The figures in docs/statistics.md are those that its command makes."""

from __future__ import annotations

import re

import pytest

from benchmarks.simulations.__main__ import SEED, simulate
from benchmarks.simulations.figures import BEGIN, END, PAGE, replaced, table

pytestmark = pytest.mark.slow


def shape(markdown: str) -> list[str]:
    """The headings and the cases, without the figures that came out."""
    lines = [line for line in unwrapped(markdown).splitlines() if line.startswith(("#", "- "))]
    return [line.rpartition(": ")[0] or line for line in lines]


def unwrapped(markdown: str) -> str:
    return markdown.replace("\n  ", " ")


def test_the_page_states_every_case_that_is_simulated() -> None:
    page = PAGE.read_text(encoding="utf-8")
    stated = page.split(BEGIN)[1].split(END)[0]
    made = table(simulate(seed=SEED, scale=0.005))

    assert shape(stated) == shape(made)
    assert replaced(page, stated.strip("\n")).count(BEGIN) == 1


def test_the_page_keeps_its_promises() -> None:
    stated = unwrapped(PAGE.read_text(encoding="utf-8").split(BEGIN)[1])

    at_margin = re.findall(r"worse by the margin, 0.01: promoted ([\d.]+)%", stated)
    equal = re.findall(r"challenger equal: promoted [\d.]+%, rolled back ([\d.]+)%", stated)
    drift = re.findall(r"the rule: budget and effect: any alarm: ([\d.]+)%", stated)
    run = re.findall(r"until a false alarm, mean: at least ([\d,]+)", stated)

    assert [len(each) for each in (at_margin, equal, drift, run)] == [2, 2, 1, 1]
    assert all(float(rate) <= 5 for rate in (*at_margin, *equal, *drift))
    assert int(run[0].replace(",", "")) >= 5_000


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        replaced("# Page", "table")
