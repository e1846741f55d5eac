"""How far a process gives way to others where there is not CPU for all.

Kubernetes shares the CPU in proportion to what containers request. Here one that requests less than a tenth
of a core gives way accordingly: a step of niceness is a factor of 1.25 (Linux, sched(7)).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

JOB = 10
"""A job's: whoever waits for an answer comes first."""
_WHOLE = 0.1
_STEP = 1.25
_LARGEST = 19


def niceness_of(container: Mapping[str, Any]) -> int:
    """Return the niceness of a container's process, 0 to 19; 0 where it does not say what it requests."""
    requests = (container.get("resources") or {}).get("requests") or {}
    cores = _cores(requests.get("cpu"))
    if cores is None or cores >= _WHOLE:
        return 0
    return min(_LARGEST, round(math.log(_WHOLE / cores, _STEP))) if cores > 0 else _LARGEST


def _cores(quantity: object) -> float | None:
    text = str(quantity)
    try:
        return float(text[:-1]) / 1000 if text.endswith("m") else float(text)
    except ValueError:
        return None
