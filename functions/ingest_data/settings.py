"""What ingest_data is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_MAX_FILE_BYTES = 8 << 30
DEFAULT_MAX_LINE_BYTES = 16 << 20
DEFAULT_MAX_COLUMNS = 10_000


class SettingsError(ValueError):
    """Variables are missing or wrong; the message names all of them."""


@dataclass(frozen=True)
class Settings:
    """Where the state is, and how much of a file is taken.

    Attributes:
        database_url: of functions.state.
        scratch_dir: where files are unpacked while they are read; None is the system's temporary folder.
        max_file_bytes: largest file, unpacked.
        max_line_bytes: longest line of CSV or JSON Lines.
        max_columns: most columns.
    """

    database_url: str
    scratch_dir: Path | None = None
    max_file_bytes: int = DEFAULT_MAX_FILE_BYTES
    max_line_bytes: int = DEFAULT_MAX_LINE_BYTES
    max_columns: int = DEFAULT_MAX_COLUMNS

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        problems: list[str] = []
        if not env.get("DATABASE_URL"):
            problems.append("DATABASE_URL is not set: give sqlite:///path or postgresql+psycopg://…")
        scratch = Path(env["SCRATCH_DIR"]) if env.get("SCRATCH_DIR") else None
        if scratch is not None and not scratch.is_dir():
            problems.append(f"SCRATCH_DIR is no folder: {scratch}")
        largest = _count(env, "MAX_FILE_BYTES", DEFAULT_MAX_FILE_BYTES, problems)
        longest = _count(env, "MAX_LINE_BYTES", DEFAULT_MAX_LINE_BYTES, problems)
        columns = _count(env, "MAX_COLUMNS", DEFAULT_MAX_COLUMNS, problems)
        if problems:
            raise SettingsError("; ".join(problems))
        return cls(env["DATABASE_URL"], scratch, largest, longest, columns)


def _count(env: Mapping[str, str], name: str, default: int, problems: list[str]) -> int:
    text = env.get(name) or str(default)
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    problems.append(f"{name} must be a whole number above 0, not {text!r}")
    return default
