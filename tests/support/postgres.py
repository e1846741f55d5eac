"""A real PostgreSQL on a Unix socket, that tests may stop, kill and start again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
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
        """Start the server and wait until it answers."""
        options = " ".join(f"-c {name}={value or repr('')}" for name, value in self._settings.items())
        self._run("pg_ctl", "-D", self._data, "-w", "-l", str(self.socket / "log"), "-o", options, "start")

    def stop(self) -> None:
        """Stop the server; every connection is cut."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def kill(self) -> None:
        """End the server with SIGKILL and wait until its children have noticed."""
        pid = int((self.socket / "data" / "postmaster.pid").read_text().splitlines()[0])
        children = _children(pid)
        for each in (pid, *children):
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def close(self) -> None:
        """Stop the server if it runs, and remove its files."""
        try:
            if (self.socket / "data" / "postmaster.pid").exists():
                self.stop()
        finally:
            self._folder.cleanup()

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


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in found.read_text().split()] if found.exists() else []
