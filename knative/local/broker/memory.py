"""How often the garbage collector runs in a process that hosts a broker."""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 20, 50)


def keep_what_is_loaded() -> None:
    """Exempt what is in memory now from garbage collection, and collect the rest less often.

    Each event makes some objects that soon go by themselves; looking through everything again and again costs
    a tenth of the CPU under load. Call it once modules and manifests are read.
    """
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
