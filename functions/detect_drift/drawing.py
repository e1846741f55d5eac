"""Draws a column's two distributions as one small SVG."""

from __future__ import annotations

from collections import Counter
from html import escape

import numpy as np

from functions.detect_drift.columns import Floats, Pair

_WIDTH, _HEIGHT, _BASE = 480, 190, 150
_BINS, _MAX_CATEGORIES = 24, 10


def draw(pair: Pair) -> str:
    """Return a figure with the shares of both sides: a histogram, or a pair of bars for each category."""
    bars, labels = _histogram(pair) if pair.reference.kind == "number" else _bars(pair)
    name = escape(pair.name)
    missing = "missing: " + ", ".join(
        f"{where} {side.missing / side.rows:.1%}" if side.rows else f"{where} –"
        for where, side in (("reference", pair.reference), ("window", pair.current))
    )
    title = f"Distribution of {name}, reference and window"
    return (
        f'<figure><svg role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-label="{title}">{bars}'
        f'<line class="axis" x1="0" x2="{_WIDTH}" y1="{_BASE}" y2="{_BASE}"/>{labels}</svg>'
        f"<figcaption>{name} ({missing})</figcaption></figure>\n"
    )


def _histogram(pair: Pair) -> tuple[str, str]:
    left, right = pair.reference.numbers, pair.current.numbers
    both = np.concatenate([left, right])
    if not len(both):
        return "", ""
    # The outer half percent goes into the outer bins, so that one far value does not flatten the rest.
    low, high = (float(edge) for edge in np.quantile(both, [0.005, 0.995]))
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BINS + 1)
    shares = [
        _shares(np.histogram(np.clip(side, low, high), edges)[0].astype(float)) for side in (left, right)
    ]
    top = max(float(side.max()) for side in shares) or 1.0
    step = _WIDTH / _BINS
    bars = "".join(
        _rect(kind, i * step, step - 1, share / top)
        for kind, side in zip(("reference", "current"), shares, strict=True)
        for i, share in enumerate(side.tolist())
    )
    return bars, _text(2, f"{low:.4g}", "start") + _text(_WIDTH - 2, f"{high:.4g}", "end")


def _bars(pair: Pair) -> tuple[str, str]:
    counts = [Counter(side.categories.tolist()) for side in (pair.reference, pair.current)]
    totals = [max(sum(count.values()), 1) for count in counts]
    shares = {
        name: tuple(count[name] / total for count, total in zip(counts, totals, strict=True))
        for name in counts[0] | counts[1]
    }
    names = sorted(shares, key=lambda name: (-max(shares[name]), name))[:_MAX_CATEGORIES]
    if not names:
        return "", ""
    top = max(max(shares[name]) for name in names)
    step = _WIDTH / len(names)
    bars = "".join(
        _rect(kind, i * step + side * step * 0.4, step * 0.38, shares[name][side] / top)
        for i, name in enumerate(names)
        for side, kind in enumerate(("reference", "current"))
    )
    letters = max(3, int(step / 7))
    return bars, "".join(_text((i + 0.4) * step, name[:letters], "middle") for i, name in enumerate(names))


def _shares(counts: Floats) -> Floats:
    return counts / max(float(counts.sum()), 1.0)


def _text(x: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{_BASE + 16}" text-anchor="{anchor}">{escape(words)}</text>'


def _rect(kind: str, x: float, width: float, share: float) -> str:
    height = share * (_BASE - 6)
    place = f'x="{x:.1f}" y="{_BASE - height:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{kind}" {place}/>'
