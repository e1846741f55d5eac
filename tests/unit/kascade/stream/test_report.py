"""Quality over time, with each decision at the row that was next when it was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from eventing import catalogue as c
from kascade.stream.pacing import MAX_BEHIND, behind, hold, under_way
from kascade.stream.report import Played, labels_of, marks_of, print_table, save, summary


def event(type_: str, second: int, **data: Any) -> dict[str, Any]:
    return {"type": type_, "time": f"2026-01-01T00:00:{second:02}+00:00", "data": data}


START = 1_767_225_600.0  # 2026-01-01
PLAYED = [Played(START + second, 1 if second < 30 else 2, float(second % 2)) for second in range(60)]
EVENTS = [
    event(c.RolloutCompleted.type, 0, version=1, outcome="promoted"),
    event(c.DriftDetected.type, 10, version=1),
    event(c.DriftChecked.type, 10, version=1),
    event(c.TrainingApproved.type, 12, version=2, reason="performance"),
    event(c.RolloutStarted.type, 20, version=2, phase="shadow"),
    event(c.RolloutAdvanced.type, 25, version=2, phase="canary"),
    event(c.RolloutCompleted.type, 30, version=2, outcome="promoted"),
]


def test_decisions_stand_at_the_row_that_was_next_and_those_before_the_first_row_are_left_out() -> None:
    marks = [(mark.row, mark.what) for mark in marks_of(EVENTS, PLAYED)]

    assert marks == [
        (10, "drift"),
        (12, "training (performance)"),
        (20, "shadow"),
        (25, "canary"),
        (30, "promoted"),
    ]


def test_blocks_hold_every_row_once_and_every_mark_once() -> None:
    found = summary(
        PLAYED, marks_of(EVENTS, PLAYED), model="m", measure="accuracy", frozen=False, failed=0, labels={}
    )

    assert sum(block["rows"] for block in found["blocks"]) == 60
    assert found["overall"] == 0.5
    assert [d for block in found["blocks"] for d in block["decisions"]] == [
        "drift v1",
        "training (performance) v2",
        "shadow v2",
        "canary v2",
        "promoted v2",
    ]
    assert {v for block in found["blocks"] for v in block["versions"]} == {1, 2}


def test_nothing_played_is_an_empty_report() -> None:
    found = summary([], [], model="m", measure="accuracy", frozen=True, failed=3, labels={})

    assert (found["overall"], found["blocks"], found["failed_requests"]) == (None, [], 3)


def test_labels_that_did_not_count_are_a_warning_with_their_shares() -> None:
    told = [
        event(c.FeedbackJoined.type, 10, joined=60, late=10, overtaken=6),
        event(c.FeedbackJoined.type, 20, joined=20, unknown=8, contradictory=2),
    ]
    labels = labels_of(told)
    assert labels == {"joined": 80, "contradictory": 2, "late": 10, "unknown": 8, "overtaken": 6}
    console = Console(record=True, width=200)
    found = summary([], [], model="m", measure="accuracy", frozen=False, failed=0, labels=labels)
    print_table(found, console)
    assert "warning: of its labels 10 % late, 8 % of no prediction that is known, 2 % contradictory, 6 %" in (
        console.export_text()
    )


def test_labels_that_all_counted_are_no_warning() -> None:
    console = Console(record=True, width=200)
    print_table(
        summary([], [], model="m", measure="accuracy", frozen=True, failed=0, labels={"joined": 9}), console
    )
    assert "warning" not in console.export_text()


def test_both_modes_are_drawn_together_once_both_have_run(tmp_path: Path) -> None:
    sizes = []
    for frozen in (True, False):
        found = summary(PLAYED, [], model="m", measure="accuracy", frozen=frozen, failed=0, labels={})
        file, plot = save(found, tmp_path / "out")
        assert json.loads(file.read_text())["mode"] == ("frozen" if frozen else "loop")
        assert plot is not None
        sizes.append(plot.read_bytes())
    assert sizes[0] != sizes[1]
    assert sizes[1].startswith(b"\x89PNG")


def test_a_stream_is_held_while_a_version_is_made_but_not_while_it_is_judged() -> None:
    assert not under_way(EVENTS[:3])
    assert under_way(EVENTS[:4])
    assert not under_way(EVENTS[:5])
    assert under_way([*EVENTS, event(c.TrainingApproved.type, 40, version=3, reason="drift")])
    assert not under_way(
        [
            event(c.TrainingApproved.type, 1, version=3, reason="drift"),
            event(c.TrainingFailed.type, 2, version=3),
        ]
    )


def test_a_stream_is_held_while_labels_are_behind_but_not_forever() -> None:
    joined = event(c.FeedbackJoined.type, 10, through="2026-01-01T00:00:10+00:00")

    asked = [START + second / 100 for second in range(0, 3000)]
    assert behind([], asked) == 3000
    assert behind([joined], asked) == 1999
    assert hold([joined], asked, 0, patience_s=60)
    assert not hold([joined], asked[: 1001 + MAX_BEHIND], 0, patience_s=60)
    assert not hold([joined], asked, 61, patience_s=60)
