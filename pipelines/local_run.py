"""One pipeline run under `kfp.local`, in its own process: kfp changes the root logger and leaves files.

The caller gives a workspace folder and TMPDIR inside it, and removes it when the process has ended.
"""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipelines.progress import STEPS

PIPELINE_ROOT = "artifacts"


def run(workspace: Path, package: Path | None, parameters: Callable[[], Mapping[str, Any]]) -> bool:
    """Run the training pipeline, or the compiled pipeline in `package`.

    Args:
        workspace: where artifacts go.
        parameters: reads the pipeline's parameters; asked only once everything is loaded.

    Returns: whether every task succeeded, the exit task included.
    """
    from kfp import local

    if package is None:
        from pipelines.training import training as pipeline
    else:
        from kfp.components import load_component_from_file

        pipeline = load_component_from_file(str(package))
    # Our image's name has no "python" in it, which kfp takes for a sign of trouble.
    warnings.filterwarnings("ignore", message="You may be attemping", category=RuntimeWarning)
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=str(workspace / PIPELINE_ROOT),
        workspace_root=str(workspace / "kfp"),
        raise_on_error=True,
    )
    given = parameters()
    try:
        pipeline(**given)
    except RuntimeError as error:
        print(error, flush=True)
        return False
    return True


def announced(workspace: Path) -> bool:
    """Tell whether the run's exit task has sent its event."""
    for found in (workspace / PIPELINE_ROOT).glob("*/announce/executor_output.json"):
        return found.stat().st_size > 0
    return False


def begun(workspace: Path) -> tuple[str, ...]:
    """Return the steps of the training pipeline that have begun, in order, without a gap."""
    root = workspace / PIPELINE_ROOT  # those of a loop are in folders of its iterations
    tasks = {task.name for depth in ("*/*", "*/for-loop-*/*") for task in root.glob(depth)}
    last = max((number for number, step in enumerate(STEPS) if step in tasks), default=-1)
    return STEPS[: last + 1]


def end_with_parent() -> None:
    """End this process and all its tasks when standard input is closed: a killed parent closes it too.

    The process must lead a process group of its own.
    """

    def watch() -> None:
        # Not through sys.stdin: a thread inside its lock when the process ends is a fatal error of Python.
        while os.read(0, 1):
            pass
        os.killpg(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
