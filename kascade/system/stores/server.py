"""What every store process of one machine has: a folder, an address, keys, and an end."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from kascade.system.process import HOST, ServerProcess, free_port


class StoreServer:
    """The base of the stores that run while a context is open; `__enter__` of each sets `_process`."""

    def __init__(
        self,
        folder: Path,
        port: int,
        access_key: str,
        secret_key: str,
        *,
        binary: Path | None = None,
        log: Path | None = None,
    ) -> None:
        """Prepare the store; nothing is started yet.

        Args:
            folder: where the objects lie; made if absent.
            port: the loopback port; 0 takes a free one.
            access_key: what clients sign with; letters and digits, for MinIO at least 3.
            secret_key: its secret; for MinIO at least 8 characters.
            binary: the program to run; by default this Python, or MinIO's beside it or on the PATH.
            log: where its output goes; by default beside the folder.
        """
        self.folder = folder
        self.port = port or free_port()
        self._keys = (access_key, secret_key)
        self._binary = binary
        self._log = log or folder.with_name(f"{folder.name}.log")
        self._process: ServerProcess | None = None

    def _start(self, command: list[str], env: dict[str, str], name: str | None = None) -> ServerProcess:
        """Start the process, named `name` in errors, and wait until it answers.

        Raises:
            StoreProcessError: it did not.
        """
        self._process = ServerProcess(command, env, port=self.port, log=self._log, name=name)
        self._process.start()
        return self._process

    @property
    def endpoint(self) -> str:
        """The address for AWS_ENDPOINT_URL_S3."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The server's process id; 0 when it is not running."""
        return self._process.pid if self._process else 0

    @property
    def env(self) -> dict[str, str]:
        """The variables with which any S3 client reaches this store."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self._keys[0],
            "AWS_SECRET_ACCESS_KEY": self._keys[1],
            "AWS_REGION": "us-east-1",
        }

    @property
    def exit_code(self) -> int | None:
        """The code that the process ended with by itself; None while it runs."""
        return self._process.exit_code if self._process else None

    def relaunch(self) -> None:
        """Start the process again after it ended, on the same port with the same data, without waiting."""
        if self._process is not None:
            self._process.relaunch()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        if self._process is not None:
            self._process.stop()
