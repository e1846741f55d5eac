"""A damaged log is rebuilt from what can be read of it; the damaged file is kept beside it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from knative.local.broker.copying import EVENTS, Copy, is_whole
from knative.local.broker.errors import LogUnavailable
from knative.local.broker.salvage import is_damage, rows_around
from knative.local.broker.schema import create_log, upgrade


@dataclass(frozen=True)
class Rebuilt:
    """What became of a damaged log.

    Attributes:
        at: when, ISO 8601.
        why: what was found wrong.
        kept: the damaged file.
        lost: how many deliveries cannot be made, by the key of their lane.
        again: how many are made although they may have been made before, by the key of their lane.
    """

    at: str
    why: str
    kept: str
    lost: dict[str, int]
    again: dict[str, int]

    def __str__(self) -> str:
        """Say it in a line."""
        lost = f"{_counted(self.lost)} lost" if self.lost else "nothing is lost"
        again = f", {_counted(self.again)} made again" if self.again else ""
        return (
            f"the broker's log was damaged ({self.why}) and is rebuilt: {lost}{again}; "
            f"the damaged file is kept as {self.kept}"
        )


def _counted(by_lane: Mapping[str, int]) -> str:
    listed = ", ".join(f"{lane}: {count}" for lane, count in by_lane.items())
    return f"{sum(by_lane.values())} deliveries ({listed}) are"


def check(path: Path) -> list[str]:
    """Read a whole log; return what is wrong with it, nothing when it is whole. Nobody may have it open.

    Raises:
        LogUnavailable: there is none, or another process has it.
    """
    with closing(_connect(path)) as log:
        try:
            upgrade(log)
            wrong = [row[0] for row in log.execute("PRAGMA integrity_check(10)") if row[0] != "ok"]
            for seq, _, _, _, headers, body, stored, _ in rows_around(log, EVENTS):
                if not is_whole(headers, body, stored):
                    wrong.append(f"event {seq} is not what was stored")
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise LogUnavailable(f"{path} cannot be read: {error}") from error
            return [str(error)]
    return wrong


def rebuild(path: Path, why: str) -> Rebuilt:
    """Replace a damaged log by one with all that can be read of it. Nobody may have it open.

    Raises:
        LogUnavailable: nothing can be read, or there is no space; the damaged log is where it was.
    """
    draft, copy = (path.with_name(f"{path.name}.{name}") for name in ("rebuilt", "copy"))
    for leftover in (draft, copy):
        _remove(leftover)
    try:
        _require_space(path)
        with closing(_readable(path, copy)) as damaged, closing(create_log(draft)) as whole:
            with suppress(sqlite3.Error):
                damaged.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            lost, again = Copy(copy if copy.exists() else path, damaged, whole).run()
    except (sqlite3.Error, LogUnavailable, OSError) as error:
        _remove(draft)
        raise LogUnavailable(f"{path} is damaged ({why}) and cannot be rebuilt: {error}") from error
    finally:
        _remove(copy)
    now = datetime.now(UTC)
    kept = path.with_name(f"{path.name}.damaged-{now:%Y%m%dT%H%M%S.%fZ}")
    rebuilt = Rebuilt(now.isoformat(timespec="seconds"), why, str(kept), lost, again)
    report = kept.with_name(f"{kept.name}.json")
    report.write_text(json.dumps(asdict(rebuilt), indent=2) + "\n", encoding="utf-8")
    for made in (report, draft):
        shutil.copymode(path, made)
    _swap(path, draft, kept)
    return rebuilt


def reports_beside(path: Path) -> list[Rebuilt]:
    """Return the reports of earlier rebuildings, from the files beside the log; a person deletes these."""
    found = []
    for report in sorted(path.parent.glob(f"{path.name}.damaged-*.json")):
        with suppress(OSError, ValueError, TypeError):
            found.append(Rebuilt(**json.loads(report.read_text(encoding="utf-8"))))
    return found


def _require_space(path: Path) -> None:
    size, free = path.stat().st_size, shutil.disk_usage(path.parent).free
    if free < 2 * size:
        raise LogUnavailable(
            f"that takes up to {2 * size:,} bytes of space, and {free:,} are free", full=True
        )


def _connect(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise LogUnavailable(f"there is no log {path}")
    connection = sqlite3.connect(path, timeout=0.5, isolation_level=None)
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    return connection


def _readable(path: Path, copy: Path) -> sqlite3.Connection:
    """Open a damaged log; if its first page cannot be read, a copy of it with the first page of a new log."""
    connection = _connect(path)
    try:
        upgrade(connection)
        connection.execute("SELECT id FROM lanes LIMIT 0")  # reads the names of the tables
        return connection
    except sqlite3.DatabaseError as error:
        connection.close()
        if not is_damage(error):
            raise
    with closing(create_log(copy)):
        first = bytearray(copy.read_bytes()[:_PAGE])
    shutil.copyfile(path, copy)
    if (wal := _beside(path, "-wal")).exists():
        shutil.copyfile(wal, _beside(copy, "-wal"))
    first[28:32] = (copy.stat().st_size // _PAGE).to_bytes(4, "big")  # the number of pages
    with copy.open("r+b") as opened:
        opened.write(first)
    return _connect(copy)


_PAGE = 4096


def _swap(path: Path, draft: Path, kept: Path) -> None:
    """Keep the damaged file beside the new one, which takes its place without a moment in between."""
    with draft.open("rb") as opened:
        os.fsync(opened.fileno())
    os.link(path, kept)
    for name in ("-wal", "-shm"):
        if (rest := _beside(path, name)).exists():
            rest.replace(_beside(kept, name))
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove(file: Path) -> None:
    for name in ("", "-wal", "-shm", "-journal"):
        _beside(file, name).unlink(missing_ok=True)


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(f"{file.name}{ending}")
