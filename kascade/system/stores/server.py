"""What every store process of one machine has: an address, keys, and an end."""

from __future__ import annotations

from types import TracebackType

from kascade.system.process import HOST, ServerProcess


class StoreServer:
    """The base of the stores that run while a context is open; `__enter__` of each sets `_process`."""

    port: int
    _keys: tuple[str, str]
    _process: ServerProcess | None

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
