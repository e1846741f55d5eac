"""What ingest_data is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eventing.environment import Variables
from functions.data_files.limits import MAX_COLUMNS, MAX_FILE_BYTES, MAX_LINE_BYTES
from pipelines.own_code.permission import code_allowed


@dataclass(frozen=True)
class Settings:
    """Where the state is, and how much of a file is taken.

    Attributes:
        database_url: of functions.state.
        scratch_dir: where files are unpacked while they are read; None is the system's temporary folder.
        max_file_bytes: largest file, unpacked.
        max_line_bytes: longest line of CSV or JSON Lines.
        max_columns: most columns.
        allow_code: code that a model.yaml names may run (`pipelines.own_code.permission`).
    """

    database_url: str
    scratch_dir: Path | None = None
    max_file_bytes: int = MAX_FILE_BYTES
    max_line_bytes: int = MAX_LINE_BYTES
    max_columns: int = MAX_COLUMNS
    allow_code: bool = False

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        scratch = Path(read.get("SCRATCH_DIR")) if read.get("SCRATCH_DIR") else None
        if scratch is not None and not scratch.is_dir():
            read.wrong(f"SCRATCH_DIR is no folder: {scratch}")
        return read.checked(
            cls(
                read.database_url(),
                scratch,
                read.number("MAX_FILE_BYTES", cls.max_file_bytes, 1, 1 << 50),
                read.number("MAX_LINE_BYTES", cls.max_line_bytes, 1, 1 << 50),
                read.number("MAX_COLUMNS", cls.max_columns, 1, 1 << 31),
                code_allowed(read),
            )
        )
