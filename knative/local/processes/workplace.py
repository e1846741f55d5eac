"""Where a runtime's processes live: its state folder, their logs, the marks they are known by."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

STATE_VARIABLE = "KNATIVE_LOCAL_STATE"
RUN_VARIABLE = "KNATIVE_LOCAL_RUN"


@dataclass(frozen=True)
class Workplace:
    """One run of a runtime in one state folder.

    Args:
        state_dir: the folder.
        offered: variables of every process whose container does not set them.
        run: tells this run from others.
    """

    state_dir: Path
    offered: Mapping[str, str] = field(default_factory=dict)
    run: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def marks(self) -> Mapping[str, str]:
        """The variables that every process of this run has, and hands on to its children."""
        return {STATE_VARIABLE: str(self.state_dir), RUN_VARIABLE: self.run}

    @property
    def state_mark(self) -> str:
        """The variable, `NAME=value`, by which processes of any run in this folder are found."""
        return f"{STATE_VARIABLE}={self.state_dir}"

    @property
    def run_mark(self) -> str:
        """The variable by which processes of this run are found."""
        return f"{RUN_VARIABLE}={self.run}"

    def log(self, namespace: str, name: str) -> Path:
        """Return the log file of a revision or a Job."""
        return self.state_dir / "logs" / f"{namespace}.{name}.log"

    def job_folder(self, namespace: str, name: str) -> Path:
        """Return where a Job's own files are."""
        return self.state_dir / "jobs" / namespace / name
