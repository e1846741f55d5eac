"""The embedded object store: our own S3 server over a folder."""

from __future__ import annotations

import os
import sys
from typing import Self

from kascade.system.stores.server import StoreServer


class EmbeddedStore(StoreServer):
    """`kascade.system.stores.s3` over a folder, a process that runs while the context is open."""

    def __enter__(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            StoreProcessError: a port in use, or it did not start.
        """
        command = [str(self._binary or sys.executable), "-m", "kascade.system.stores.s3"]
        command += [str(self.folder.resolve()), str(self.port)]
        # As an argument the keys would show in the list of processes.
        env = {**os.environ, "STORE_ACCESS_KEY": self._keys[0], "STORE_SECRET_KEY": self._keys[1]}
        self._start(command, env, "the object store")
        return self
