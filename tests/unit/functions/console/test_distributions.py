"""Two distributions as bars."""

from __future__ import annotations

from typing import Any

from functions.console.distributions import BASE, HEIGHT, WIDTH, figures_of


def test_bars_of_both_sides_lie_inside_of_the_figure_and_say_their_share() -> None:
    numbers = {"low": 0.0, "high": 4.0, "reference": [0.25, 0.75], "current": [1.0, 0.0]}
    names = {"categories": ["DE", "FR"], "reference": [0.5, 0.5], "current": [0.0, 1.0]}
    tests = [{"feature": "a", "distribution": numbers}, {"feature": "b", "distribution": names}]

    figures = figures_of({"features": tests})

    for figure in figures:
        assert len(figure.bars) == 4
        for bar in figure.bars:
            assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
            assert 0 <= bar.y <= bar.y + bar.height <= BASE + 0.2 < HEIGHT
    assert figures[0].bars[0].words == "0 to 2: 25.0 % of the reference"
    assert figures[1].bars[-1].words == "FR: 100.0 % of the current"
    assert [label.text for label in figures[1].labels] == ["DE", "FR"]


def test_what_has_no_distribution_or_an_odd_one_has_no_bars() -> None:
    odd: list[Any] = [None, {}, {"reference": None, "current": 7}, {"reference": [], "current": []}]

    figures = figures_of({"features": [{"feature": "a", "distribution": each} for each in odd] + ["text"]})

    assert [(figure.place, figure.bars) for figure in figures] == [(0, ()), (1, ()), (2, ()), (3, ())]
    assert figures_of({"features": None}) == []
