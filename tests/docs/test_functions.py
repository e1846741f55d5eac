"""What all functions have in common is done in one place, and stays so."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(path.parent for path in ROOT.glob("functions/*/handler.py"))
BY_OTHER_MEANS = {
    "receive_objects": "each object is noted with its newest state, before its event is sent",
    "record_events": "the ledger holds an event once, by source and id",
    "ring_timers": "each timer is marked once its event was taken",
}
"""Functions with state whose tables themselves make a second handling equal to the first."""


def imports_of(folder: Path) -> set[str]:
    names = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names |= {f"{node.module}.{each.name}" for each in node.names}
    return names


def reads_environment(file: Path) -> bool:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return any(
        isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ" for node in ast.walk(tree)
    )


@pytest.mark.parametrize("folder", FUNCTIONS, ids=lambda folder: folder.name)
def test_a_function_with_state_handles_its_events_by_the_one_driver(folder: Path) -> None:
    imported = imports_of(folder)
    writes = "functions.state.database.session_factory" in imported
    driven = imported & {f"functions.state.handled.{name}" for name in ("handle_once", "write_once")}
    assert bool(driven) == (writes and folder.name not in BY_OTHER_MEANS), sorted(driven)


def test_only_what_starts_a_process_reads_the_environment() -> None:
    readers = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "functions").rglob("*.py")
        if file.name not in ("app.py", "__main__.py") and reads_environment(file)
    }
    assert readers == {"functions/serve_model/mlserver_runtime.py"}, "MLServer builds it, not app.py"


def test_what_several_functions_share_is_defined_once() -> None:
    """Two definitions of one of these would sooner or later differ."""
    shared = {
        "def uuid7(": "pipelines/prediction_ids.py",
        "class Metric:": "pipelines/metrics.py",
        "def log_loss(": "pipelines/metrics.py",
        "def loss_scale(": "pipelines/loss.py",
        "class OneHot:": "pipelines/encoding/categories.py",
        "class SettingsError(": "eventing/environment.py",
    }
    found = {
        (text, file.relative_to(ROOT).as_posix())
        for room in ("eventing", "functions", "kascade", "knative", "pipelines")
        for file in (ROOT / room).rglob("*.py")
        for text in shared
        if text in file.read_text(encoding="utf-8")
    }
    assert found <= set(shared.items())
    assert len({file for _, file in found}) == len(set(shared.values()))


@pytest.mark.parametrize("module", ["decide", "deployer", "logic", "platform", "rollout_state"])
def test_what_decides_a_rollout_knows_no_platform(module: str) -> None:
    text = (ROOT / "functions" / "roll_out_model" / f"{module}.py").read_text(encoding="utf-8")
    assert re.findall(r"(?i)\b(?:knative|kserve|seldon|kubernetes|revisions?|triggers?|tags?)\b", text) == []
