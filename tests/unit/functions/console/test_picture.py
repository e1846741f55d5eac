"""The picture of the loop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from functions.console.cluster import Function, function_of
from functions.console.picture import picture_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FUNCTIONS = Path(__file__).resolve().parents[4] / "functions"


def sent(by: str, *, ago_s: float) -> dict[str, Any]:
    at = (NOON - timedelta(seconds=ago_s)).isoformat()
    return {"event": {"source": f"/kascade/{by}", "time": at, "type": "t"}}


def test_every_box_is_a_function_that_there_is() -> None:
    boxes = [box.name for box in picture_of(None, [], NOON).boxes if box.state != "outside"]

    assert all((FUNCTIONS / name.replace("-", "_") / "README.md").is_file() for name in boxes)


def test_a_function_that_sent_something_lately_is_busy() -> None:
    rows = [sent("ingest_data", ago_s=3), sent("judge_rollout", ago_s=90)]

    busy = {box.name for box in picture_of([], rows, NOON).boxes if box.busy}

    assert busy == {"ingest-data"}


def test_states_are_those_of_the_cluster_and_what_is_not_in_the_picture_stands_beside_it() -> None:
    functions = [
        Function("ingest-data", "ready", 2),
        Function("detect-drift", "failing", 0, "no image"),
        Function("mine", "asleep", 0),
        Function("churn", "ready", 1, "", "churn"),
    ]

    picture = picture_of(functions, [], NOON)

    boxes = {box.name: box for box in picture.boxes}
    assert (boxes["ingest-data"].state, boxes["ingest-data"].words) == ("ready", "2 running")
    assert boxes["detect-drift"].state == "failing"
    assert boxes["models"].words == "1 served"
    assert [each.name for each in picture.beside] == ["mine"]


def test_where_the_cluster_cannot_be_asked_nothing_is_said_of_it() -> None:
    states = {box.state for box in picture_of(None, [], NOON).boxes}

    assert states == {"unknown", "outside"}


def service(*conditions: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"name": "f"}, "status": {"conditions": list(conditions)}}


def test_a_service_is_ready_asleep_starting_or_failing() -> None:
    ready = service({"type": "Ready", "status": "True"})
    failing = service({"type": "Ready", "status": "False", "message": "it crashes"})

    assert function_of(ready, 1).state == "ready"
    assert function_of(ready, 0).state == "asleep"
    assert function_of(failing, 0) == Function("f", "failing", 0, "it crashes")
    assert function_of(service({"type": "Ready", "status": "Unknown"}), 0).state == "starting"
    assert function_of({"metadata": {"name": "f"}}, 0).state == "starting"
