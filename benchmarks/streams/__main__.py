"""Plays streams with known drift through the product's own rules, in seconds and without servers.

python -m benchmarks.streams [--set confirmation] [--seeds 10] [--csv weather.csv] [--river] [--write]
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from functools import partial
from multiprocessing import Pool
from pathlib import Path

from benchmarks.simulations.figures import replaced
from benchmarks.streams.comparing import Compared, accuracy, compare, families_of, from_json, table, to_json
from benchmarks.streams.generating import CACHE, CONFIRMATION, FAMILIES, SEEDS, load, weather
from benchmarks.streams.policies import WAYS

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
Job = tuple[str, int]


def play(job: Job, *, ways: tuple[str, ...], csv: Path | None, river: bool) -> Compared:
    """Play one stream under some policies."""
    name, seed = job
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    stream = weather(csv) if name == "weather" and csv is not None else load(FAMILIES[name], seed)
    return compare(stream, [WAYS[way] for way in ways], incremental=river)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=["development", "confirmation"], default="development")
    parser.add_argument("--seeds", type=int, default=SEEDS - CONFIRMATION, help="so many of the set")
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=list(FAMILIES))
    parser.add_argument("--ways", nargs="+", default=["before", "now"], choices=list(WAYS))
    parser.add_argument(
        "--csv", type=Path, help="a file whose last column is the target, beside the families"
    )
    parser.add_argument("--river", action="store_true", help="ARF and HAT as well, some minutes a stream")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="print what the last run of the set found")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    asked = parser.parse_args()
    started = time.monotonic()
    kept = CACHE / f"found-{asked.set}.json"
    if asked.again:
        found = [from_json(each) for each in json.loads(kept.read_text())]
    else:
        first = CONFIRMATION if asked.set == "confirmation" else 0
        jobs = [(name, seed) for seed in range(first, first + asked.seeds) for name in asked.families]
        if asked.csv:
            jobs.insert(len(asked.families), ("weather", 0))
        work = partial(play, ways=tuple(asked.ways), csv=asked.csv, river=asked.river)
        kept.parent.mkdir(parents=True, exist_ok=True)
        found = []
        with Pool(asked.workers) as pool:
            for each in pool.imap(work, jobs):
                found.append(each)
                kept.write_text(json.dumps([to_json(one) for one in found]))  # what is there if it is ended
    lines = table(found, asked.ways)
    for name in ("ARF", "HAT"):
        played = families_of([each for each in found if name in each.blocks])
        words = ", ".join(f"{family} {accuracy(group, name):.3f}" for family, group in played.items())
        lines += [f"- {name}: {words}"] if words else []
    made = "\n".join(lines)
    print(made)
    print(f"{time.monotonic() - started:.0f} s")
    if asked.write:
        page = PAGE.read_text(encoding="utf-8")
        begin, end = (f"<!-- streams {asked.set}: {what} -->" for what in ("begin", "end"))
        PAGE.write_text(replaced(page, made + "\n", begin, end), encoding="utf-8")


if __name__ == "__main__":
    main()
