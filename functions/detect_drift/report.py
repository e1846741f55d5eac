"""Writes a checked window as JSON, and as one HTML page with both distributions of each feature drawn."""

from __future__ import annotations

from dataclasses import asdict
from html import escape
from typing import Any

from functions.detect_drift.columns import Pair, Table
from functions.detect_drift.drawing import draw
from functions.detect_drift.observed import Guarantee
from functions.detect_drift.rule import Checked, Judged, Status

_VERDICTS = {
    Status.INSUFFICIENT: "Too few rows to tell",
    Status.STABLE: "No drift found",
    Status.DRIFTED: "Drift",
}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem;
  color: #1a1a1a; background: #fff }
table { border-collapse: collapse; width: 100% }
caption { text-align: left; font-weight: 600; margin: 1rem 0 .3rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ccc }
td.n { text-align: right; font-variant-numeric: tabular-nums }
tr.drifted { background: #fdecea }
figure { margin: 1.2rem 0; display: inline-block; width: 30rem; max-width: 100% }
svg { width: 100%; height: auto }
text { font: 11px system-ui, sans-serif }
.reference { fill: #4a7ebb; background: #4a7ebb }
.current { fill: #d9822b; background: #d9822b; fill-opacity: .6 }
.axis { stroke: #555 }
.key { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem 0 1rem }
"""


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
    features = f": {', '.join(checked.drifted)}" if drifted else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title)}: {verdict}</title><style>{_STYLE}</style></head><body><main>
<h1>{escape(title)}</h1>
<p><strong>{verdict}{escape(features)}.</strong> {escape(_promise(checked))}</p>
{_tests(checked)}{_untested(checked)}{_new(checked)}
<h2>Distributions</h2>
<p><span class="key reference"></span>reference ({checked.reference_rows:,} rows)
<span class="key current"></span>window {checked.window} ({checked.rows:,} rows)</p>
{"".join(draw(pair) for pair in both)}
</main></body></html>
"""


def _flat(judged: Judged) -> dict[str, Any]:
    return {**asdict(judged.test), "p_value_corrected": judged.p_value_corrected, "drifted": judged.drifted}


def _promise(checked: Checked) -> str:
    floor = f"A feature also needs an effect of at least {checked.min_effect:g}."
    if checked.guarantee is Guarantee.RUN_LENGTH:
        return f"The detector is set to a number of rows between false alarms, not to a budget. {floor}"
    return (
        f"The chance of any false alarm until a new champion comes is at most {checked.alpha:g}; window "
        f"{checked.window} may spend {checked.alpha_spent:.3g} of it, shared over all its tests "
        f"({checked.correction}). {floor}"
    )


def _tests(checked: Checked) -> str:
    ordered = sorted(checked.tests, key=lambda judged: not judged.drifted)
    heads = ("feature", "test", "statistic", "p-value", "corrected", "effect", "unit", "drifted")
    return _table("Tests", heads, "".join(_row(judged) for judged in ordered))


def _row(judged: Judged) -> str:
    test = judged.test
    numbers = (
        f"{test.statistic:.4g}",
        _number(test.p_value),
        _number(judged.p_value_corrected),
        f"{test.effect:.3f}",
    )
    cells = "".join(f'<td class="n">{number}</td>' for number in numbers)
    return (
        f'<tr{" class=drifted" if judged.drifted else ""}><th scope="row">{escape(test.feature)}</th>'
        f"<td>{escape(test.method)}</td>{cells}<td>{escape(test.effect_name)}</td>"
        f"<td>{'yes' if judged.drifted else 'no'}</td></tr>"
    )


def _untested(checked: Checked) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(each.feature)}</th><td>{escape(each.reason)}</td></tr>'
        for each in checked.untested
    )
    return _table("Not tested", ("feature", "why"), rows)


def _new(checked: Checked) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(each.feature)}</th><td>{escape(", ".join(each.categories[:20]))}</td>'
        f'<td class="n">{each.share:.1%}</td></tr>'
        for each in checked.new_categories
    )
    return _table("Categories the reference does not have", ("feature", "categories", "rows"), rows)


def _table(caption: str, heads: tuple[str, ...], rows: str) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>\n"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
