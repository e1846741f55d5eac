"""Simulates every rule that decides, and writes what came out into docs/statistics.md.

python -m benchmarks.simulations [--scale 1] [--seed 20261123] [--print]
"""

from __future__ import annotations

import argparse
import time

from benchmarks.simulations import drift, harm, pool, rollouts, views
from benchmarks.simulations.figures import PAGE, Figure, replaced, table

SEED = 20261123


def simulate(*, seed: int, scale: float) -> list[tuple[str, list[Figure]]]:
    """Return every part's figures; `scale` changes how many runs there are of each."""
    return [
        ("The judge", rollouts.figures(seed=seed, scale=scale)),
        ("Drift", drift.figures(seed=seed, scale=scale)),
        ("Drift of feature views", views.figures(seed=seed, scale=scale)),
        ("Harm on labels", harm.figures(seed=seed, scale=scale)),
        ("The pool", pool.figures(seed=seed, scale=scale)),
    ]


def main() -> None:
    """Run the simulations that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is what the page states")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--print", action="store_true", help="only print, do not write the page")
    asked = parser.parse_args()
    started = time.monotonic()
    made = table(simulate(seed=asked.seed, scale=asked.scale))
    print(made)
    print(f"{time.monotonic() - started:.0f} s")
    if not asked.print:
        PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")


if __name__ == "__main__":
    main()
