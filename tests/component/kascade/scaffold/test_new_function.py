"""A function that `kascade new` wrote into a copy of the tree passes the project's checks and runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[4]
PARTS = ("benchmarks", "eventing", "functions", "kascade", "knative", "pipelines", "docs", "tests", ".locks")
FILES = ("pyproject.toml", "Makefile", "README.md")
SKIPPED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout in which three functions were written."""
    copy = tmp_path_factory.mktemp("checkout")
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, ignore=SKIPPED)
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    kascade(copy, "retry_training", "--on", "training.failed", "--emits", "training.requested")
    kascade(copy, "announce_start", "--on", "training.approved", "--emits", "training.started")
    kascade(copy, "watch_windows", "--on", "window.closed")
    return copy


def run(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(tree), "KASCADE_HOME": str(tree / "no-system")}
    return subprocess.run(
        [sys.executable, *command], cwd=tree, env=environment, capture_output=True, text=True, timeout=110
    )


def kascade(tree: Path, *arguments: str) -> str:
    done = run(tree, "-m", "kascade", "new", "function", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        (
            "mypy",
            "-p",
            "functions.retry_training",
            "-p",
            "functions.announce_start",
            "-p",
            "functions.watch_windows",
        ),
        ("eventing.schemas", "--check"),
        ("importlinter.cli",),
    ],
    ids=lambda command: command[0],
)
def test_the_checks_pass(tree: Path, command: tuple[str, ...]) -> None:
    if command[0] == "importlinter.cli":
        done = run(tree, "-c", "from importlinter.cli import lint_imports_command as run; run()")
    else:
        done = run(tree, "-m", *command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_functions_own_tests_and_those_of_the_manifests_pass(tree: Path) -> None:
    folders = [
        f"tests/unit/functions/{name}" for name in ("retry_training", "announce_start", "watch_windows")
    ]
    manifests = [f"tests/manifests/test_{name}.py" for name in ("consistency", "base", "functions")]
    done = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", *folders, *manifests)
    assert done.returncode == 0, done.stdout


def test_the_function_answers_an_event(tree: Path) -> None:
    program = """
from eventing.catalogue import TrainingFailed
from eventing.testing import build_event, handle
from functions.retry_training.app import create_app
data = {"model": "churn", "version": 3, "run_id": "r", "step": "train", "error": "no memory"}
reply = handle(create_app(), build_event(TrainingFailed.type, data))
print(reply.type, reply.source, reply.data)
"""
    done = run(tree, "-c", program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("dev.kascade.training.requested /kascade/retry_training {'model': 'churn'")


def test_a_second_one_of_the_same_name_is_refused(tree: Path) -> None:
    done = run(tree, "-m", "kascade", "new", "function", "retry_training", "--on", "training.failed")
    assert done.returncode == 1
    assert "the name retry_training is taken" in done.stderr


def test_a_dry_run_prints_the_changes_and_writes_nothing(tree: Path) -> None:
    before = sorted(path for path in tree.rglob("*") if "__pycache__" not in path.parts)
    printed = kascade(tree, "notify_owner", "--on", "model.rejected", "--dry-run")
    assert "+++ functions/notify_owner/app.py" in printed
    assert '+    "functions.notify_owner",' in printed
    as_json = kascade(tree, "notify_owner", "--on", "model.rejected", "--dry-run", "--json")
    assert "functions/notify_owner/logic.py" in json.loads(as_json)
    assert sorted(path for path in tree.rglob("*") if "__pycache__" not in path.parts) == before
