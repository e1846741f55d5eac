"""A real PostgreSQL on a Unix socket, that tests may stop, kill and start again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

INSTALL = "apt-get install postgresql"

# Nothing here has to outlive the machine.
_QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "32MB"}


# Words are sorted as people sort them, which is not how SQLite does: what relies on an order shows.
_LOCALE = ("--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8")


class PostgresServer:
    """A server in a folder of its own, without a port; it is gone after `close`."""

    def __init__(self, **settings: str) -> None:
        """Make the files and start. `settings` are PostgreSQL's own, such as `max_connections`."""
        self._binaries = _installed()
        # A Unix socket's path holds at most 107 bytes, so not under pytest's long temporary folder.
        self._folder = tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True)
        self.socket = Path(self._folder.name)
        if os.geteuid() == 0:
            shutil.chown(self.socket, "postgres", "postgres")
        self._data = str(self.socket / "data")
        self._settings = {**_QUICK, "listen_addresses": "", "unix_socket_directories": str(self.socket)}
        self._settings |= {"max_connections": "100", **settings}
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "kascade", "-N", "-E", "UTF8", *_LOCALE)
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers.

        After a kill a process of the one before may hold its memory for a moment, and then none can start.
        """
        options = " ".join(f"-c {name}={value or repr('')}" for name, value in self._settings.items())
        log = self.socket / "log"
        deadline = time.monotonic() + 60
        while True:
            try:
                self._run("pg_ctl", "-D", self._data, "-w", "-l", str(log), "-o", options, "start")
                return
            except AssertionError as error:
                if time.monotonic() > deadline:
                    said = log.read_text(errors="replace")[-2000:] if log.exists() else ""
                    raise AssertionError(f"{error}\n{said}") from error

    def stop(self) -> None:
        """Stop the server; every connection is cut."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def kill(self) -> None:
        """End the server with SIGKILL and wait until its children have noticed."""
        pid = int((self.socket / "data" / "postmaster.pid").read_text().splitlines()[0])
        family = (pid, *_children(pid))
        for each in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while any(_lives(each) for each in family):
            assert time.monotonic() < deadline, "the server outlives SIGKILL"
            time.sleep(0.01)

    def close(self) -> None:
        """Stop the server if it runs, and remove its files."""
        try:
            if self._running():
                self.stop()
        finally:
            self._folder.cleanup()

    def _running(self) -> bool:
        file = self.socket / "data" / "postmaster.pid"
        return file.exists() and _lives(int(file.read_text().splitlines()[0]))

    def url(self, database: str) -> str:
        """Return the address of a database of this server."""
        return f"postgresql+psycopg://kascade@/{database}?host={self.socket}"

    def create(self, template: str = "template1", name: str | None = None) -> str:
        """Make a database, as a copy of another one to which nobody is connected; return its address."""
        name = name or f"t{uuid.uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def execute(self, statement: str, values: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """Run one statement outside a transaction; return its rows."""
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                done = connection.execute(text(statement), values or {})
                return [tuple(row) for row in done] if done.returns_rows else []
        finally:
            engine.dispose()

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root: then as the user that its package made
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/", check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}"


def _installed() -> Path:
    """Return where the newest PostgreSQL's programs lie; without any, skip the test, and fail it in CI."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    if on_path is not None:
        return Path(on_path).resolve().parent
    if os.environ.get("CI"):
        pytest.fail(f"PostgreSQL is not installed, and in CI no test of it may be skipped: {INSTALL}")
    pytest.skip(f"needs PostgreSQL: {INSTALL}")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if int(entry.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.parent.name))
    return found
