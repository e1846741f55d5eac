"""What came of a stream: quality over time, with every decision marked; as a table, a plot and JSON."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from eventing import catalogue as c
from eventing.words.model_status import LABEL_COUNTS, fates_words
from kascade.rendering.terminal import escape

BLOCKS = 24


@dataclass(frozen=True)
class Played:
    """One row that was played: when, by which version, and its score: 1 or 0 for right, or an error."""

    at: float
    version: int
    score: float


@dataclass(frozen=True)
class Mark:
    """A decision of the loop, at the row that was next when it was made."""

    row: int
    what: str
    version: int | None


def marks_of(events: Sequence[dict[str, Any]], played: Sequence[Played]) -> list[Mark]:
    """Place the loop's decisions between the rows, by time."""
    times = [each.at for each in played]
    found = []
    for event in events:
        what = _what(event)
        if what is not None and event.get("time"):
            at = datetime.fromisoformat(event["time"]).timestamp()
            found.append(Mark(bisect_left(times, at), what, event["data"].get("version")))
    return [mark for mark in found if mark.row > 0]


def _what(event: dict[str, Any]) -> str | None:
    data = event.get("data") or {}
    match event["type"]:
        case c.DriftDetected.type:
            return "drift"
        case c.PerformanceDegraded.type:
            return "harm"
        case c.TrainingApproved.type:
            return f"training ({data['reason']})"
        case c.ModelRejected.type:
            return "gate: rejected"
        case c.RolloutStarted.type | c.RolloutAdvanced.type:
            return None if data["phase"] == "replace" else str(data["phase"])
        case c.RolloutCompleted.type:
            return str(data["outcome"])
    return None


def labels_of(events: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Count the stream's labels by what became of them, as the events that joined them tell."""
    counts: Counter[str] = Counter()
    for event in events:
        if event["type"] == c.FeedbackJoined.type:
            data = event.get("data") or {}
            counts.update({name: data.get(name, 0) for name in LABEL_COUNTS})
    return {name: counts[name] for name in LABEL_COUNTS if counts[name]}


def summary(
    played: Sequence[Played],
    marks: Sequence[Mark],
    *,
    model: str,
    measure: str,
    frozen: bool,
    failed: int,
    labels: Mapping[str, int],
) -> dict[str, Any]:
    """Return everything the table and the plot show, as JSON values."""
    size = max(1, -(-len(played) // BLOCKS))
    blocks = []
    for first in range(0, len(played), size):
        part = played[first : first + size]
        blocks.append(
            {
                "first": first,
                "rows": len(part),
                measure: sum(each.score for each in part) / len(part),
                "versions": sorted({each.version for each in part}),
                "decisions": [
                    f"{mark.what}{f' v{mark.version}' if mark.version else ''}"
                    for mark in marks
                    if first <= min(mark.row, len(played) - 1) < first + size
                ],
            }
        )
    return {
        "model": model,
        "mode": "frozen" if frozen else "loop",
        "measure": measure,
        "rows": len(played),
        "failed_requests": failed,
        "labels": dict(labels),
        "overall": sum(each.score for each in played) / len(played) if played else None,
        "blocks": blocks,
        "marks": [mark.__dict__ for mark in marks],
    }


def print_table(found: dict[str, Any], console: Console) -> None:
    """Print one line a block."""
    measure = found["measure"]
    table = Table("rows", measure, "versions", "decisions", box=None, header_style="bold")
    for block in found["blocks"]:
        table.add_row(
            f"{block['first']:>7,} +{block['rows']:,}",
            f"{block[measure]:.4f}",
            ", ".join(f"v{version}" for version in block["versions"]),
            escape("; ".join(_counted(block["decisions"]))),
        )
    console.print(table)
    if found["overall"] is not None:
        console.print(f"{measure} over all {found['rows']:,} rows ({found['mode']}): {found['overall']:.4f}")
    if fates := fates_words(found["labels"]):
        console.print(f"[yellow]warning: of its labels {escape(fates)}; see `kascade models`[/]")


def _counted(decisions: Sequence[str]) -> list[str]:
    return [
        each if decisions.count(each) == 1 else f"{each} x{decisions.count(each)}"
        for each in dict.fromkeys(decisions)
    ]


def save(found: dict[str, Any], folder: Path) -> tuple[Path, Path | None]:
    """Write the JSON and the plot, which also shows the other mode's run when its JSON lies there.

    Returns: the paths; None for the plot where matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{found['model']}-{found['mode']}.json"
    file.write_text(json.dumps(found, indent=1))
    other = folder / f"{found['model']}-{'loop' if found['mode'] == 'frozen' else 'frozen'}.json"
    runs = [found, *([json.loads(other.read_text())] if other.exists() else [])]
    return file, _plot(runs, folder / f"{found['model']}.png")


def _plot(runs: Sequence[dict[str, Any]], path: Path) -> Path | None:
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(12, 5))
    for run in runs:
        middles = [block["first"] + block["rows"] / 2 for block in run["blocks"]]
        values = [block[run["measure"]] for block in run["blocks"]]
        loop = run["mode"] == "loop"
        axes.plot(middles, values, marker="o", color="tab:blue" if loop else "tab:gray", label=run["mode"])
    colours = {"drift": "tab:orange", "harm": "tab:red", "promoted": "tab:green", "rolled_back": "tab:purple"}
    shown = next((run for run in runs if run["mode"] == "loop"), runs[0])
    for what, colour in colours.items():
        rows = [mark["row"] for mark in shown["marks"] if mark["what"] == what]
        for at, row in enumerate(rows):
            axes.axvline(row, color=colour, alpha=0.6, linewidth=1, label=what if at == 0 else None)
    axes.set_xlabel("rows played")
    axes.set_ylabel(shown["measure"])
    axes.set_title(f"{shown['model']}: {shown['measure']} over time")
    axes.legend(loc="best")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return path
