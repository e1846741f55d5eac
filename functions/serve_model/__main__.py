"""Serves one model: `python -m functions.serve_model`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import NoReturn


def main() -> int:
    """Load the model, then listen until SIGTERM; requests under way are answered before the process ends."""
    # uvicorn takes the signal over while it serves, and raises it again when all requests are answered.
    signal.signal(signal.SIGTERM, _end)
    # No collection while all that stays is built; then what is loaded is set aside for good: otherwise the
    # collector walks it again and again, within a request.
    gc.disable()
    # numpy's linear algebra is not used here: left alone it starts a thread for each core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    import uvicorn

    from functions.serve_model.app import create_app
    from functions.serve_model.errors import ModelUnavailable, SettingsError
    from functions.serve_model.settings import from_env

    try:
        settings = from_env(os.environ)
        app = create_app(settings)
    except (SettingsError, ModelUnavailable) as error:
        print(f"serve_model cannot start: {error}", file=sys.stderr, flush=True)
        return 1
    gc.freeze()
    gc.enable()
    try:
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=settings.drain_s,
        )
    finally:
        app.close(settings.drain_s)
    return 0


def _end(*_: object) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    raise SystemExit(main())
