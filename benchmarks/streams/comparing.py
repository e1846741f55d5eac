"""What each policy and baseline came to on a stream, and the tables of many streams, with intervals."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.streams import baselines
from benchmarks.streams.generating import FIRST, Stream
from benchmarks.streams.learning import Learner
from benchmarks.streams.loop import Loop
from benchmarks.streams.policies import Way

BLOCK, RESAMPLES = 250, 2_000
Series = NDArray[np.float64]


@dataclass
class Compared:
    """One stream: the mean loss of each block of `BLOCK` rows under each policy, and what it took.

    Attributes:
        blocks: by the name of a policy or baseline; of "periodic" one for each window and policy.
        trained: how many trainings each policy took.
        fits: how many models each policy fitted to choose windows by, and to serve.
        decisions: how often each policy decided what.
    """

    family: str
    kind: str
    seed: int
    blocks: dict[str, Series]
    trained: dict[str, int] = field(default_factory=dict)
    fits: dict[str, int] = field(default_factory=dict)
    decisions: dict[str, dict[str, int]] = field(default_factory=dict)


def compare(stream: Stream, ways: Sequence[Way], *, incremental: bool) -> Compared:
    """Play a stream under every policy, and under the baselines with each policy's number of trainings."""
    weights = _weights(stream)

    def blocks(losses: Series) -> Series:
        weighted = losses * weights
        return np.array([part.mean() for part in np.array_split(weighted, len(weighted) // BLOCK)])

    learner = Learner(stream)
    found = Compared(stream.family.name, stream.family.kind, stream.seed, {})
    found.blocks["never"] = blocks(baselines.never(learner))
    for way in ways:
        before = learner.fits
        rare = stream.family.balanced and way.balanced
        outcome = Loop(stream, learner, way.for_rare() if rare else way).run()
        found.fits[way.name] = learner.fits - before
        found.blocks[way.name] = blocks(outcome.losses)
        found.blocks[f"{way.name}: hindsight"] = blocks(baselines.hindsight(outcome.versions))
        found.trained[way.name] = outcome.trainings
        for window in baselines.WINDOWS:
            losses = baselines.periodic(learner, outcome.trainings, window)
            found.blocks[f"{way.name}: periodic {window or 'all'}"] = blocks(losses)
        counts: dict[str, int] = {}
        for decision in outcome.decisions:
            counts[_kind_of(decision.what)] = counts.get(_kind_of(decision.what), 0) + 1
        found.decisions[way.name] = counts
    for name in ("ARF", "HAT") if incremental else ():
        found.blocks[name] = blocks(baselines.incremental(stream, name, learner.scale))
    return found


def _weights(stream: Stream) -> Series:
    """Return how much each played row counts: where a class is rare, each class as much in all."""
    target = stream.target[FIRST:]
    if not stream.family.balanced:
        return np.ones(len(target))
    counts = np.bincount(target)
    return np.asarray(len(target) / (np.count_nonzero(counts) * counts[target]))


def _kind_of(what: str) -> str:
    for kind in (
        "training (performance)",
        "training",
        "harm",
        "gate",
        "rolled back",
        "serves again",
        "promoted",
    ):
        if kind in what:
            return kind
    return "other"


@dataclass(frozen=True)
class Difference:
    """A mean difference of accuracy with its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def difference(streams: Sequence[Compared], ours: str, theirs: str) -> Difference:
    """Return accuracy of ours minus theirs over some streams; blocks of rows are resampled."""
    gained = [each.blocks[theirs] - each.blocks[ours] for each in streams]
    every = np.concatenate(gained)
    rng = np.random.default_rng(0)
    drawn = rng.choice(every, (RESAMPLES, len(every))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Difference(float(every.mean()), float(low), float(high))


def accuracy(streams: Sequence[Compared], name: str) -> float:
    """Return the mean accuracy over some streams."""
    return 1 - float(np.mean([each.blocks[name].mean() for each in streams]))


def best_periodic(streams: Sequence[Compared], way: str) -> str:
    """Return the name of the periodic retraining that is best on some streams, trained as often."""
    names = [f"{way}: periodic {window or 'all'}" for window in baselines.WINDOWS]
    return max(names, key=lambda name: accuracy(streams, name))


def families_of(streams: Sequence[Compared]) -> dict[str, list[Compared]]:
    """Group streams by family, in the order in which they come."""
    found: dict[str, list[Compared]] = {}
    for each in streams:
        found.setdefault(each.family, []).append(each)
    return found


def table(streams: Sequence[Compared], ways: Sequence[str]) -> list[str]:
    """Return Markdown: a table for each policy, a line for each family, and what misses the goals."""
    seeds = sorted({each.seed for each in streams})
    lines: list[str] = ["", f"{len(streams)} streams, seeds {', '.join(map(str, seeds))}."]
    for way in ways:
        lines += ["", f"**{way}**", ""]
        lines.append(
            "| streams | never | it (trainings) | best periodic | minus periodic | minus never | hindsight |"
        )
        lines.append("| --- | --- | --- | --- | --- | --- | --- |")
        lines += [_line(name, group, way) for name, group in families_of(streams).items()]
        lines.append("")
        for goal in _goals(streams, way):
            lines += textwrap.wrap(goal, 118, subsequent_indent="  ", break_on_hyphens=False)
    return lines


def _line(name: str, group: Sequence[Compared], way: str) -> str:
    periodic = best_periodic(group, way)
    trained = np.mean([each.trained[way] for each in group])
    cells = [
        f"{name}: {len(group)}",
        f"{accuracy(group, 'never'):.3f}",
        f"{accuracy(group, way):.3f} ({trained:.1f})",
        f"{accuracy(group, periodic):.3f} ({periodic.rpartition(' ')[2]})",
        str(difference(group, way, periodic)),
        str(difference(group, way, "never")),
        f"{accuracy(group, f'{way}: hindsight'):.3f}",
    ]
    return re.sub(r"(?<!\d)0\.", ".", f"| {' | '.join(cells)} |")


def _goals(streams: Sequence[Compared], way: str) -> list[str]:
    groups = families_of(streams)
    gaps = {name: difference(group, way, best_periodic(group, way)) for name, group in groups.items()}
    drifting = [name for name, group in groups.items() if group[0].kind == "drift"]
    below = [f"{name} ({gaps[name].mean:+.3f})" for name in groups if gaps[name].mean < 0]
    worse = [
        f"{name} ({found.mean:+.3f})"
        for name, group in groups.items()
        if (found := difference(group, way, "never")).mean < -0.003
    ]
    mean = float(np.mean([gaps[name].mean for name in drifting])) if drifting else float("nan")
    fits = np.mean([each.fits[way] for each in streams])
    return [
        f"- mean over {len(drifting)} families with drift, minus the best periodic of each: {mean:+.4f}",
        f"- below the best periodic: {', '.join(below) or 'none'}",
        f"- below never by more than 0.003: {', '.join(worse) or 'none'}",
        f"- models fitted a stream: {fits:.0f}; decisions a stream: {_decisions(streams, way)}",
    ]


def _decisions(streams: Sequence[Compared], way: str) -> str:
    totals: dict[str, int] = {}
    for each in streams:
        for what, count in each.decisions[way].items():
            totals[what] = totals.get(what, 0) + count
    return ", ".join(f"{what} {count / len(streams):.1f}" for what, count in sorted(totals.items()))


def to_json(found: Compared) -> dict[str, Any]:
    """Return JSON values."""
    return {**found.__dict__, "blocks": {name: each.tolist() for name, each in found.blocks.items()}}


def from_json(document: dict[str, Any]) -> Compared:
    """Read what `to_json` wrote."""
    blocks = {name: np.array(each) for name, each in document["blocks"].items()}
    return Compared(**{**document, "blocks": blocks})
