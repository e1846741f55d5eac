"""Serves one model: `python -m functions.serve_model`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import NoReturn

NOT_NOW, NEVER = 1, 4
"""Exit codes of a process that cannot start: another start may succeed, or none will."""


def main() -> int:
    """Load the model, then listen until SIGTERM.

    Requests under way are answered, and the log of predictions is sent, before the process ends.

    Returns: the exit code. The platform shows it to who rolls the version out.
    """
    # uvicorn takes the signal over while it serves, and raises it again when all requests are answered.
    signal.signal(signal.SIGTERM, _end)
    # No collection while all that stays is built; then what is loaded is set aside for good: otherwise the
    # collector walks it again and again, within a request.
    gc.disable()
    # numpy's linear algebra is not used here: left alone it starts a thread for each core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from eventing.environment import SettingsError
    from functions.serve_model.app import create_app
    from functions.serve_model.errors import ModelUnavailable, StoreAway
    from functions.serve_model.server import Server
    from functions.serve_model.settings import from_env

    try:
        settings = from_env(os.environ)
        app = create_app(settings)
    except (SettingsError, ModelUnavailable) as error:
        print(f"serve_model cannot start: {error}", file=sys.stderr, flush=True)
        return NOT_NOW if isinstance(error, StoreAway) else NEVER
    gc.freeze()
    gc.enable()
    server = Server(app, settings, os.environ)
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        app.close(server.left_s())
    return 0


def _end(*_: object) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    raise SystemExit(main())
