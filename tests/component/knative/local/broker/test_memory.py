"""The garbage collector of a process that hosts a broker."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

STARTED = """
import gc, json, runpy, sys, uvloop

def run(coroutine):
    coroutine.close()
    print(json.dumps([gc.get_freeze_count(), gc.get_threshold()]))

uvloop.run = run
sys.argv[0] = sys.argv[1]
del sys.argv[1]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=False)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["knative.local.broker", "--log", "{folder}/broker.db"],
        ["knative.local", "--manifests", "{folder}", "--state-dir", "{folder}/state"],
    ],
)
def test_what_is_loaded_at_the_start_is_not_looked_through_again(
    tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "none.yaml").touch()
    command = [sys.executable, "-c", STARTED, *(each.format(folder=tmp_path) for each in arguments)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    frozen, thresholds = json.loads(done.stdout)
    assert frozen > 10_000
    assert thresholds == [50_000, 20, 50]
