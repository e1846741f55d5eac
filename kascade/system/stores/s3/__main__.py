"""`python -m kascade.system.stores.s3 <folder> <port>`: serve a folder on a loopback port until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from kascade.system.stores.s3.index import FolderInUse, Index
from kascade.system.stores.s3.server import Server
from kascade.system.stores.s3.signing import Keys

HOST = "127.0.0.1"


async def serve(folder: Path, port: int, keys: Keys) -> None:
    """Serve until the process is asked to end."""
    index = Index(folder)
    stopping = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    handler = web.Server(
        Server(index, keys).handle, access_log=None, auto_decompress=False, read_bufsize=1 << 18
    )
    runner = web.ServerRunner(handler, shutdown_timeout=2)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    await stopping.wait()
    await runner.cleanup()
    index.close()


def main() -> None:
    """Serve; the keys are in STORE_ACCESS_KEY and STORE_SECRET_KEY: no list of processes shows them."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    keys = Keys(os.environ.pop("STORE_ACCESS_KEY"), os.environ.pop("STORE_SECRET_KEY"))
    try:
        asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), keys))
    except FolderInUse as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
