"""The judge's bets as lines."""

from __future__ import annotations

from typing import Any

from functions.console.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from functions.console.wealth import histories_of

POINTS = [[20, 0.5, 4.0], [40, 0.001, 1e12]]


def decided(**data: Any) -> dict[str, Any]:
    wealth_history = [
        {"labels": labels, "worse": worse, "better": better} for labels, worse, better in POINTS
    ]
    plain = {"version": 2, "phase": "canary", "outcome": "rolled_back", "reason": "guard", "threshold": 20}
    return {"event": {"data": {**plain, "wealth_history": wealth_history, **data}}}


def test_the_phase_under_way_comes_first_and_all_lies_inside_of_the_frame() -> None:
    judge = {"version": 3, "phase": "shadow", "decided": False, "threshold": 20.0, "wealth_history": POINTS}

    now, before = histories_of({"judge": judge}, [decided()])

    assert (now.title, now.outcome) == ("v3 in shadow", "under way")
    assert (before.title, before.outcome) == ("v2 in canary", "rolled back by guard")
    for wealth_history in (now, before):
        assert TOP <= wealth_history.threshold_y <= HEIGHT - BOTTOM
        for line in wealth_history.lines:
            for x, y in (map(float, pair.split(",")) for pair in line.points.split()):
                assert LEFT <= x <= WIDTH - RIGHT
                assert TOP <= y <= HEIGHT - BOTTOM
        assert len(wealth_history.y_ticks) <= 7


def test_verdicts_of_earlier_releases_and_odd_ones_have_no_chart() -> None:
    rows = [
        decided(wealth_history=None),
        decided(wealth_history=[7, {"labels": 3}]),
        {"event": {"data": "text"}},
    ]

    assert histories_of({"judge": None}, rows) == []
    assert histories_of({"judge": {"version": 1, "phase": "shadow", "threshold": 20.0}}, []) == []
