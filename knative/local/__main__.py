"""Run Knative manifests on this machine: `python -m knative.local --help`."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from knative.local import log
from knative.local.broker.memory import keep_what_is_loaded
from knative.local.errors import LocalError, ManifestError, PortInUse, StateInUse
from knative.local.gateway.tokens import TokensUnusable
from knative.local.manifests.documents import Manifest
from knative.local.options import Options, parse
from knative.local.runtime import Runtime, read_manifests
from knative.local.state import StateDir, StateUnusable

UNUSABLE, BAD_MANIFESTS = 2, 3


async def _run(options: Options, manifests: list[Manifest], state_dir: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Runtime(options, manifests, state_dir).run(stop)


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    options = parse()
    log.configure()
    try:
        manifests = read_manifests(options)
        with StateDir(options.state_dir) as state_dir:
            keep_what_is_loaded()
            uvloop.run(_run(options, manifests, state_dir))
    except (PortInUse, StateInUse, StateUnusable, TokensUnusable) as error:
        return _fail(error, UNUSABLE)
    except ManifestError as error:
        return _fail(error, BAD_MANIFESTS)
    return 0


def _fail(error: LocalError, code: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
