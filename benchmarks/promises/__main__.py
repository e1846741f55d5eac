"""Measures how often each promise is broken on dependent labels, and writes it into docs/statistics.md.

In brackets is how many runs each figure is of.

python -m benchmarks.promises [--scale 1] [--seed 20261130] [--stream FILE.csv] [--print]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.promises import checks, rare, streams
from benchmarks.promises.creep import error_after
from benchmarks.promises.judging import Case, run
from benchmarks.simulations.figures import PAGE

SEED = 20261130
BEGIN, END = "<!-- promises: begin -->", "<!-- promises: end -->"
Row = tuple[str, str, str, str]


def rows(seed: int, scale: float, stream: Path | None) -> Iterator[Row]:
    """Yield what was simulated, what goes wrong where each label stands for itself, and now, and power."""
    n = max(int(400 * scale), 10)
    draws: dict[str, streams.Draw] = {
        "independent labels": streams.independent,
        "labels in runs, ρ = .3": streams.markov(0.3),
        "labels in runs, ρ = .8": streams.markov(0.8),
        "each label twice": streams.twice,
        "two regimes of mean length 500": streams.regimes,
        "the same, of which the champion's losses show nothing": streams.hidden_regimes,
    }
    if stream is not None:
        draws["pairs of models on a real stream, in order"] = streams.real(stream)
        draws["the same, shuffled"] = streams.real(stream, shuffled=True)
    for name, draw in draws.items():
        yield _judged(name, draw, n, seed, real=" real " in name or "shuffled" in name)
    yield from _judge_checks(max(int(100 * scale), 10), seed)
    yield from _others(max(int(100 * scale), 10), seed)


def _judged(name: str, draw: streams.Draw, n: int, seed: int, *, real: bool) -> Row:
    told = []
    past, labels = (3_000, 12_000) if real else (5_000, 20_000)
    for blocks in (False, True):
        case = Case(draw, labels=labels, past=past, blocks=blocks)
        wrong = run(case, 0.01, rollouts=n, seed=seed).share("promoted")
        back = run(case, 0.0, rollouts=n, seed=seed + 1).share("rolled_back")
        told.append(f"promoted {wrong:.1%}, rolled back {back:.1%}")
    fewer = max(n // 4, 10)
    better = run(Case(draw, labels=labels, past=past), -0.02, rollouts=fewer, seed=seed + 2)
    power = f"{better.share('promoted'):.0%}, after {better.median('promoted'):,.0f} labels"
    return f"{name} ({n}; power {fewer})", told[0], told[1], power


def _judge_checks(n: int, seed: int) -> Iterator[Row]:
    often = 4 * n
    daily = [_share(often, seed, partial(checks.seen_daily, worse=0.01, once=once)) for once in (False, True)]
    back = _share(often, seed, partial(checks.seen_daily, worse=0.0, once=True, verdict=-1))
    now = f"promoted {daily[1]}, rolled back {back}"
    yield f"400 entities, seen daily for 30 days ({often})", f"promoted {daily[0]}", now, "–"
    step = _share(n, seed, partial(checks.stepping_canary, worse=0.01))
    back = _share(n, seed, partial(checks.stepping_canary, worse=0.0, verdict=-1))
    yield f"canary, the base rate steps .05 → .30 ({n})", "–", f"promoted {step}, rolled back {back}", "–"
    for name, kind, share, worse, randomised in (
        ("its own errors labelled 90 % as often", "own", 0.9, 0.01, None),
        ("the same, equal", "own", 0.9, 0.0, None),
        ("its own errors labelled 80 % as often", "own", 0.8, 0.01, None),
        ("rows that it flags are never labelled", "flagged", 0.0, 0.01, None),
        ("rows that the champion flags are never labelled", "blocked", 0.0, 0.01, None),
        ("the same, with labels.randomised 0.1", "blocked", 0.0, 0.01, 0.1),
        ("the same, equal", "blocked", 0.0, 0.0, 0.1),
        ("the same, better by .03", "blocked", 0.0, -0.03, 0.1),
        ("better by .02, half of all labelled", "chance", 0.5, -0.02, None),
    ):
        rows = 3_000 if randomised is None else 12_000
        kept = {"rows": rows, "kind": kind, "share": share, "randomised": randomised}
        found = [
            checks.selective_shadow(np.random.default_rng([seed, number]), worse, **kept)  # type: ignore[arg-type]
            for number in range(n)
        ]
        told = ", ".join(f"{each} {found.count(each) / n:.0%}" for each in sorted(set(found)))
        yield f"shadow, {name} ({n}, of {rows:,} predictions)", "–", told, "–"
    yield from _rare(n, seed)
    chains = max(n // 5, 2)
    ends = [_creep(chains, seed, anchored=anchored) for anchored in (False, True)]
    yield f"thirty rollouts in a row, each worse by .003 ({chains})", ends[0], ends[1], "–"


def _creep(n: int, seed: int, *, anchored: bool) -> str:
    found = [
        error_after(np.random.default_rng([seed, number]), rollouts=30, step=0.003, anchored=anchored)
        for number in range(n)
    ]
    return f"error .100 → {np.mean(found):.3f}, at worst {max(found):.3f}"


def _rare(n: int, seed: int) -> Iterator[Row]:
    told = []
    for balanced in (False, True):
        draws = (np.random.default_rng([seed, number]) for number in range(n))
        found = [rare.never_yes(draw, balanced=balanced) for draw in draws]
        told.append(", ".join(f"{each} {found.count(each) / n:.0%}" for each in sorted(set(found))))
    name = f"1 % positives, never yes against a recall of .8 ({n})"
    yield name, f"loss zero_one: {told[0]}", f"loss balanced: {told[1]}", "–"
    approved = _share(4 * n, seed, partial(rare.gate_approves_by_loss, seed=seed))
    name = f"gate, 1,000 rows with 1 % positives, balanced loss worse by a margin of .1 ({4 * n})"
    yield name, "–", f"approved {approved}", "–"


def _others(n: int, seed: int) -> Iterator[Row]:
    for kind in ("plain", "twice", "five times", "AR(1) 0.5", "AR(1) 0.8"):
        told = [
            _share(n, seed, partial(checks.false_drift, kind=kind, thinned=thinned))
            for thinned in (False, True)
        ]
        yield f"drift windows, rows {kind} ({n})", f"any alarm {told[0]}", f"any alarm {told[1]}", "–"
    for rho in (0.0, 0.5):
        runs = [
            np.mean(
                [checks.harm_run(np.random.default_rng([seed, i]), rho=rho, blocks=blocks) for i in range(n)]
            )
            for blocks in (False, True)
        ]
        before, after = (f"mean run {each:,.0f} labels" for each in runs)
        yield f"harm, no harm, ρ = {rho:g} ({n}, cut at 10,000 labels)", before, after, "–"
    told = [
        _share(2 * n, seed, partial(checks.gate_approves, seed=seed, widened=widened))
        for widened in (False, True)
    ]
    yield (
        f"gate, 1,000 rows with 1 % positives, at the margin ({2 * n})",
        f"approved {told[0]}",
        f"approved {told[1]}",
        "–",
    )


def _share(n: int, seed: int, wrong: Callable[[np.random.Generator], bool]) -> str:
    return f"{np.mean([wrong(np.random.default_rng([seed, number])) for number in range(n)]):.1%}"


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is what the page states")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--stream", type=Path, help="a CSV in order of time whose last column is 0 or 1")
    parser.add_argument("--print", action="store_true", help="only print, do not write the page")
    asked = parser.parse_args()
    started, lines = time.monotonic(), []
    for name, before, after, power in rows(asked.seed, asked.scale, asked.stream):
        lines.append(
            f"- {name}\n  - each label by itself: {before}\n  - now: {after}\n  - better by .02: {power}"
        )
        lines[-1] = "\n".join(line for line in lines[-1].splitlines() if not line.endswith(": –"))
        print(lines[-1], f"({time.monotonic() - started:.0f} s)", flush=True)
    if not asked.print:
        page = PAGE.read_text(encoding="utf-8")
        head, _, rest = page.partition(BEGIN)
        tail = rest.partition(END)[2]
        PAGE.write_text(f"{head}{BEGIN}\n\n{chr(10).join(lines)}\n\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
