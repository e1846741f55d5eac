"""The settings of score_batch, from its environment. The object store's variables are read by its client."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eventing.environment import Variables
from functions.data_files.limits import MAX_COLUMNS, MAX_FILE_BYTES, MAX_LINE_BYTES


@dataclass(frozen=True)
class Settings:
    """Where the event and the state lie, and how much of a file is taken.

    Attributes:
        database_url: of functions.state.
        scratch_dir: where the file is unpacked and the result is written before it is stored.
        max_file_bytes: largest file, unpacked.
        max_line_bytes: longest line of CSV or JSON Lines.
        max_columns: most columns.
        max_attempts: how often a file is tried; one more than the Job's `backoffLimit` would be in vain.
        progress_s: how often it is told how far a file is.
    """

    event_path: Path
    database_url: str
    scratch_dir: Path
    max_file_bytes: int = MAX_FILE_BYTES
    max_line_bytes: int = MAX_LINE_BYTES
    max_columns: int = MAX_COLUMNS
    max_attempts: int = 3
    progress_s: float = 15.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        scratch = Path(read.get("SCRATCH_DIR") or tempfile.gettempdir())
        if not scratch.is_dir():
            read.wrong(f"SCRATCH_DIR is no folder: {scratch}")
        path = read.text("K_EVENT_PATH", ".+", "the file (or its folder) with the event to act on")
        read.text("K_SINK", "https?://.*", "the http address events are sent to")
        return read.checked(
            cls(
                Path(path),
                read.database_url(),
                scratch,
                read.number("MAX_FILE_BYTES", cls.max_file_bytes, 1, 1 << 50),
                read.number("MAX_LINE_BYTES", cls.max_line_bytes, 1, 1 << 50),
                read.number("MAX_COLUMNS", cls.max_columns, 1, 1 << 31),
                read.number("MAX_ATTEMPTS", cls.max_attempts, 1, 10_000),
                read.duration("PROGRESS_S", cls.progress_s).total_seconds(),
            )
        )
