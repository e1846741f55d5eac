"""Writes a checked window as JSON, and as one HTML page with both distributions of each feature drawn."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from functions.detect_drift.columns import Pair, Table
from functions.detect_drift.compare import Checked
from functions.detect_drift.drawing import draw
from functions.detect_drift.logic import Judged, Status

_TEMPLATE = "report.html.j2"
_VERDICTS = {
    Status.INSUFFICIENT: "Too few rows to tell",
    Status.STABLE: "No drift found",
    Status.DRIFTED: "Drift",
}
_SIZE = {"width": 480, "height": 190, "base": 150}
"""Of a figure, in units of its drawing; `base` is where its axis lies."""


def to_json(checked: Checked) -> dict[str, Any]:
    """Return the report as JSON values: the verdict, and for each test what was observed and decided."""
    document = asdict(checked)
    document["drifted"] = list(checked.drifted)
    document["tests"] = [_flat(judged) for judged in checked.tests]
    for name in ("untested", "new_categories"):
        document[name] = [asdict(each) for each in getattr(checked, name)]
    return document


def to_html(checked: Checked, reference: Table, current: Table, *, title: str) -> str:
    """Return the report as one HTML page that needs nothing else, drifted features drawn first.

    Args:
        title: plain text, for example the model and its version.
    """
    drifted = set(checked.drifted)
    both = [Pair(column, current[name]) for name, column in reference.items() if name in current]
    both.sort(key=lambda pair: pair.name not in drifted)
    verdict = _VERDICTS[checked.status]
    figures = [draw(pair) for pair in both]
    return _page().render(checked=checked, title=title, verdict=verdict, figures=figures, **_SIZE)


@cache
def _page() -> Template:
    folder = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=folder, autoescape=True, undefined=StrictUndefined).get_template(_TEMPLATE)


def _flat(judged: Judged) -> dict[str, Any]:
    return {**asdict(judged.test), "p_value_corrected": judged.p_value_corrected, "drifted": judged.drifted}
