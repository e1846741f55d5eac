"""The state folder: held by one runtime at a time; what it writes there for others."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from knative.local.broker.errors import LogUnavailable
from knative.local.errors import LocalError, StateInUse

API_TOKEN, SINK_TOKEN = "api-token", "sink-token"
"""Files that hold a token while the runtime runs: that of the API, and that of processes that send events."""


class StateUnusable(LocalError):
    """The state folder, or a database in it, cannot be opened; the message names it and the fix."""


class StateDir:
    """Holds a state folder while the runtime works in it; the system lets go even after `kill -9`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Path:
        """Make and lock the folder. What is written there is for its owner alone: it holds keys and tokens.

        A folder that was there before keeps its mode: it may be one that others use too.

        Raises:
            StateInUse: another runtime holds it.
            StateUnusable: it cannot be made, or nothing can be written there.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (self.path / "lock").open("a+")
        except OSError as error:
            raise StateUnusable(
                f"{self.path} cannot be used: {error}; choose another --state-dir, which you may write to"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.seek(0)
            text = self._lock.read().strip()
            self._lock.close()
            raise StateInUse(str(self.path), int(text) if text.isdigit() else None) from error
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        self._umask = os.umask(0o077)
        for database in self.path.glob("*.db*"):
            with suppress(OSError):  # it goes with the last process that uses it, or is another user's
                database.chmod(0o600)
        return self.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the files that say that a runtime is ready, and release the folder."""
        for name in ("endpoints.json", "kubeconfig", API_TOKEN, SINK_TOKEN):
            (self.path / name).unlink(missing_ok=True)
        os.umask(self._umask)
        self._lock.close()


@contextmanager
def opening(database: Path, loss: str) -> Iterator[None]:
    """Turn what goes wrong while a database is opened into one sentence.

    Args:
        loss: what is lost when the file is moved away.

    Raises:
        StateUnusable: it cannot be opened, or is damaged.
    """
    try:
        yield
    except (LogUnavailable, sqlite3.Error) as error:
        raise StateUnusable(
            f"{database} cannot be opened: {error.__cause__ or error}; "
            f"if it is damaged, put a copy back or move {database.name}* away, and {loss}"
        ) from error


def make_token(state_dir: Path, name: str) -> str:
    """Return a new random token of this run, and leave it in a file for its owner alone.

    Each run has its own: who took the port of one that was killed, and is shown its token, has nothing.
    """
    token = secrets.token_urlsafe(32)
    _write(state_dir / name, token)
    return token


def write_endpoints(state_dir: Path, gateway_port: int, api_port: int, token: str) -> None:
    """Write `kubeconfig` and then `endpoints.json`, whose presence means that everything is ready.

    kubectl sends a user's token over TLS only, so the server's URL has it as a password, too.
    """
    api = f"http://127.0.0.1:{api_port}"
    gateway = f"http://127.0.0.1:{gateway_port}"
    server = f"http://kascade:{token}@127.0.0.1:{api_port}"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kascade", "cluster": {"server": server}}],
        "users": [{"name": "kascade", "user": {"token": token}}],
        "contexts": [{"name": "kascade", "context": {"cluster": "kascade", "user": "kascade"}}],
        "current-context": "kascade",
    }
    endpoints = {"gateway": gateway, "api": api, "broker": gateway, "pid": os.getpid()}
    _write(state_dir / "kubeconfig", json.dumps(config, indent=2))
    _write(state_dir / "endpoints.json", json.dumps(endpoints, indent=2))


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}")
    draft.unlink(missing_ok=True)
    # Made anew: in a folder that others may write to, it could be theirs.
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text + "\n")
    draft.replace(path)
