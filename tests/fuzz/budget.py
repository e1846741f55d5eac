"""What every input is promised: no unexpected exception, little CPU, little memory."""

from __future__ import annotations

import gc
import math
import resource
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Harness = Callable[[bytes], None]
"""Gives an input to the product; raises when a promise is broken."""

MAX_CPU_S = 2.0
MAX_GROWTH_BYTES = 300 << 20
_SPARE_BYTES = 2 << 30
_SPARE_CPU_S = 10
_OURS = ("/eventing/", "/functions/", "/kascade/", "/knative/", "/pipelines/")


@dataclass(frozen=True)
class Fault:
    """A broken promise; `place` tells faults of one cause from others."""

    place: str
    text: str


def limit_process() -> None:
    """Have the system end this process where an input takes so much that nothing can be measured any more."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _SPARE_BYTES, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def try_input(harness: Harness, data: bytes) -> Fault | None:
    """Run the harness with one input."""
    at_most = math.ceil(time.process_time()) + _SPARE_CPU_S
    resource.setrlimit(resource.RLIMIT_CPU, (at_most, resource.RLIM_INFINITY))
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before, started = _memory("VmRSS"), time.process_time()
    try:
        harness(data)
    except Exception as error:
        return Fault(_place_of(error), "".join(traceback.format_exception(error)))
    seconds, growth = time.process_time() - started, _memory("VmHWM") - before
    if seconds > MAX_CPU_S:
        return Fault("CPU", f"{seconds:.1f} s of CPU, at most {MAX_CPU_S} are promised\n")
    if growth > MAX_GROWTH_BYTES:
        gc.collect()
        return Fault(
            "memory", f"{growth >> 20} MB of memory, at most {MAX_GROWTH_BYTES >> 20} are promised\n"
        )
    return None


def _memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) << 10
    raise OSError(f"the system does not tell {name}")


def _place_of(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if any(part in frame.filename for part in _OURS)] or list(frames)
    return f"{type(error).__name__} in {Path(ours[-1].filename).name}:{ours[-1].name}"
