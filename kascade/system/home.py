"""The folder a local system lives in, and where its parts answer."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kascade.errors import KascadeError

MARKER = "this-is-kascade-state"
"""Says that a folder is ours. Who runs a system there holds a lock on this file; its process id is in it."""
DEFAULT_HOME = Path(".kascade")
DEMO_HOME = Path(".kascade-demo")
"""Beside the default one, in which `kascade up` would find a folder that is none of its own."""
BUCKETS = (
    "raw",
    "datasets",
    "quarantine",
    "models",
    "inferences",
    "feedback",
    "batch",
    "labels",
    "reports",
    "features",
)
NAMESPACE = "kascade"
_RUNTIME_LOCK = "lock"
_RUNTIME_ENDS_S = 5.0
"""How long a runtime whose `kascade up` was killed may take to end."""


class HomeError(KascadeError):
    """The state folder cannot be used as asked; the message names the folder and the fix."""


@dataclass(frozen=True)
class Credentials:
    """The keys of the object store, and the token that its webhook must show."""

    access_key: str
    secret_key: str
    webhook_token: str


@dataclass(frozen=True)
class Endpoints:
    """Base URLs, without a trailing slash, and the token that the API asks for."""

    gateway: str
    broker: str
    store: str
    api: str
    api_token: str = ""

    @property
    def api_headers(self) -> dict[str, str]:
        """What a request to the API must carry."""
        return {"Authorization": f"Bearer {self.api_token}"}


class Home:
    """The state folder: everything a local system keeps lies under it."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    def prepare(self, *, fresh: bool) -> None:
        """Create the folder; with `fresh`, remove what an earlier system left in it.

        Raises:
            HomeError: the folder holds something that is not ours, or a system runs there.
        """
        with self.held(fresh=fresh):
            pass

    @contextmanager
    def held(self, *, fresh: bool = False, inherited: int | None = None) -> Iterator[int]:
        """Prepare the folder and keep every other system out of it until the block ends.

        Other users cannot look into it: the databases and files in it hold keys and tokens.

        Args:
            fresh: remove what an earlier system left.
            inherited: the descriptor that the parent process got here: its lock is shared.

        Returns: the descriptor of the lock. The system lets go of it even after `kill -9`.

        Raises:
            HomeError: the folder holds something that is not ours, or a system runs there.
        """
        try:
            lock = self._take(fresh, inherited)
        except OSError as error:
            raise HomeError(
                f"{self.path} cannot be a state folder: {error.strerror}; name another one with --home"
            ) from error
        try:
            yield lock
        finally:
            os.close(lock)

    def _take(self, fresh: bool, inherited: int | None) -> int:
        if self.path.exists() and any(self.path.iterdir()) and not (self.path / MARKER).exists():
            raise HomeError(
                f"{self.path} is not a Kascade state folder and is not empty; name another one with --home"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        lock = os.open(self.path / MARKER, os.O_RDWR | os.O_CREAT, 0o600) if inherited is None else inherited
        try:
            if not _locked(lock):
                raise self._in_use("system", self.path / MARKER)
            self._wait_for_runtime()
            if fresh:
                self._clear()
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        except BaseException:
            os.close(lock)
            raise
        return lock

    def _wait_for_runtime(self) -> None:
        """Wait for the end of a runtime whose `kascade up` was killed."""
        file = self.path / _RUNTIME_LOCK
        deadline = time.monotonic() + _RUNTIME_ENDS_S
        while file.exists():
            with file.open("rb") as stream:
                if _locked(stream.fileno()):
                    return
            if time.monotonic() > deadline:
                raise self._in_use("runtime", file)
            time.sleep(0.05)

    def _in_use(self, who: str, lock: Path) -> HomeError:
        holder = lock.read_text(errors="replace").strip()
        process = f" (process {holder})" if holder.isdigit() else ""
        return HomeError(
            f"{self.path} is in use by another {who}{process}; end it, or name another folder with --home"
        )

    def _clear(self) -> None:
        """Remove everything but the marker, on which the lock is."""
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != MARKER:
                entry.unlink()

    def credentials(self) -> Credentials:
        """Return this folder's credentials, made at random on the first call, readable by its owner alone.

        Raises:
            HomeError: the file is there and cannot be read.
        """
        file = self.path / "credentials.json"
        if not file.exists():
            made = {
                "access_key": secrets.token_hex(10),
                "secret_key": secrets.token_urlsafe(30),
                "webhook_token": secrets.token_urlsafe(30),
            }
            self.write_private(file.name, json.dumps(made))
        fix = "delete it: the next `kascade up` makes new keys"
        return Credentials(**self._read(file.name, ("access_key", "secret_key", "webhook_token"), fix))

    def write_private(self, name: str, text: str) -> Path:
        """Write a file that only its owner can read, whole or not at all, and return its path."""
        file, draft = self.path / name, self.path / f".{name}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        return draft.replace(file)

    def _read(self, name: str, keys: Sequence[str], fix: str) -> dict[str, str]:
        file = self.path / name
        try:
            found = json.loads(file.read_text())
            return {key: str(found[key]) for key in keys}
        except (FileNotFoundError, NotADirectoryError):
            raise
        except (OSError, ValueError, LookupError, TypeError) as error:
            problem = f"it has no {error}" if isinstance(error, KeyError) else error
            raise HomeError(f"{file} cannot be read: {problem}; {fix}") from error

    def remember_store(self, url: str) -> None:
        """Note where the object store of this folder answers."""
        self.write_private("store.json", json.dumps({"store": url}))

    def endpoints(self) -> Endpoints:
        """Read where the parts of the running system answer.

        Raises:
            HomeError: no system has been started in this folder, or what it left cannot be read.
        """
        fix = "end the system that runs there and start it again with `kascade up`"
        try:
            runtime = self._read("endpoints.json", ("gateway", "broker", "api"), fix)
            store = self._read("store.json", ("store",), fix)
        except (FileNotFoundError, NotADirectoryError):
            raise HomeError(
                f"no system runs in {self.path}; start one with `kascade up` (or name its folder with --home)"
            ) from None
        return Endpoints(
            gateway=runtime["gateway"],
            broker=f"{runtime['broker']}/{NAMESPACE}/default",
            store=store["store"],
            api=runtime["api"],
            api_token=self._api_token(fix),
        )

    def _api_token(self, fix: str) -> str:
        file = self.path / "api-token"
        try:
            return file.read_text("ascii").strip()
        except FileNotFoundError:  # the API says what it misses
            return ""
        except (OSError, ValueError) as error:
            raise HomeError(f"{file} cannot be read: {error}; {fix}") from error

    def store_environment(self) -> dict[str, str]:
        """Return the variables with which any S3 client reaches this folder's object store.

        Raises:
            HomeError: no system has been started in this folder.
        """
        store, keys = self.endpoints().store, self.credentials()
        return {
            "AWS_ENDPOINT_URL_S3": store,
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


def _locked(descriptor: int) -> bool:
    """Take the lock on an open file; say whether nobody else has it."""
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def locate(environment: Mapping[str, str], home: Path | None) -> Home:
    """Return the state folder to use: the option, else `KASCADE_HOME`, else `.kascade` here."""
    return Home(home or Path(environment.get("KASCADE_HOME", DEFAULT_HOME)))
