"""Both databases: a SQLite file, and a real PostgreSQL started for the session on a Unix socket."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from functions.state.database import make_engine


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


def _as_owner(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root: then run it as the user that its package made."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


def _run(command: list[str]) -> None:
    done = subprocess.run(_as_owner(command), capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@pytest.fixture(scope="session")
def postgres_socket() -> Iterator[str]:
    binaries = _binaries()
    if binaries is None:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    # A Unix socket's path holds at most 107 bytes, so not under pytest's long temporary folder.
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        data = str(folder / "data")
        _run([str(binaries / "initdb"), "-D", data, "-A", "trust", "-U", "kascade", "-N", "-E", "UTF8"])
        options = f"-c listen_addresses= -c unix_socket_directories={name} -c fsync=off -c max_connections=60"
        control = [str(binaries / "pg_ctl"), "-D", data, "-w"]
        _run([*control, "-l", str(folder / "log"), "-o", options, "start"])
        try:
            yield name
        finally:
            _run([*control, "-m", "immediate", "stop"])


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'state.db'}"
        return
    socket = request.getfixturevalue("postgres_socket")
    name = f"t{uuid.uuid4().hex}"
    server = create_engine(
        f"postgresql+psycopg://kascade@/postgres?host={socket}", isolation_level="AUTOCOMMIT"
    )
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    server.dispose()
    yield f"postgresql+psycopg://kascade@/{name}?host={socket}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = make_engine(url)
    yield opened
    opened.dispose()
