"""The rules of ingesting that need no file: which columns must be there, and when a file is refused whole."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from eventing.catalogue import Problem
from functions.data_files.refusal import FileRefused, clip
from functions.data_files.table import Expected
from functions.ingest_data.schema import DataSchema
from pipelines.spec import ModelSpec
from pipelines.spec.reference import yaml_of

MAX_NAME = 200


def columns_to_read(
    names: Sequence[str], spec: ModelSpec, kept: DataSchema | None, *, max_columns: int
) -> tuple[str, ...]:
    """Return the columns that are taken from a file, in the order in which the dataset keeps them.

    Columns without a name, and those that later files have beyond the kept ones, are passed over.

    Raises:
        FileRefused: too many columns, a name that cannot be kept, or columns that must be there are missing.
    """
    if len(names) > max_columns:
        raise FileRefused(
            "too many columns",
            [
                Problem(
                    where="the header",
                    problem=f"{len(names)} columns, at most {max_columns} are read (MAX_COLUMNS)",
                    fix="leave out columns, or turn them into rows",
                )
            ],
        )
    present = [name for name in names if name]
    unfit = [name for name in present if len(name) > MAX_NAME or not name.isprintable()]
    if unfit:
        raise FileRefused(
            "a column's name cannot be kept",
            [
                Problem(
                    where=f"column {clip(unfit[0], 60)}",
                    problem=f"over {MAX_NAME} characters, or unprintable ones",
                    fix="give it a short name",
                )
            ],
        )
    required = required_columns(spec, kept)
    missing = {name: why for name, why in required.items() if name not in set(present)}
    if missing:
        raise FileRefused(_missing_reason(missing), _missing_problems(missing, present))
    return kept.names if kept else tuple(present)


def required_columns(spec: ModelSpec, kept: DataSchema | None) -> dict[str, str]:
    """Return the columns that a file must have, each with what makes it needed."""
    required = roles(spec) | (dict.fromkeys(kept.names, "the dataset keeps it") if kept else {})
    for name in spec.schema_:
        required.setdefault(name, "schema in model.yaml names it")
    return required


def expected_columns(spec: ModelSpec, kept: DataSchema | None) -> Expected:
    """Return what is known of a file's columns before it is read."""
    order = kept.names if kept else tuple(spec.schema_)
    return Expected(required_columns(spec, kept), spec.target, order, spec.ingest.delimiter)


def roles(spec: ModelSpec) -> dict[str, str]:
    """Return the columns with a role, each with what makes it needed."""
    named = {"target": spec.target, "entity": spec.entity, "timestamp": spec.timestamp}
    return {name: f"it is the {role} in model.yaml" for role, name in named.items() if name is not None}


def _missing_reason(missing: Collection[str]) -> str:
    listed = ", ".join(clip(name, 60) for name in list(missing)[:5])
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    return f"missing column{'s' if len(missing) > 1 else ''}: {listed}{more}"


def _missing_problems(missing: dict[str, str], present: Sequence[str]) -> list[Problem]:
    there = ", ".join(clip(name, 40) for name in present[:20])
    fix = f"add it to the file, or correct model.yaml; the file has {there}"
    if sign := _delimiter(missing, present):
        fix = f"say `ingest: {{delimiter: {yaml_of(sign)}}}` in model.yaml: it is one name now, {there}"
    return [
        Problem(where=f"column {clip(name, 80)}", problem=f"missing, and {why}", fix=fix)
        for name, why in missing.items()
    ]


def _delimiter(missing: Collection[str], present: Sequence[str]) -> str | None:
    """Return the sign beside a missing name in a header of one name: a delimiter that was not detected."""
    for name in missing if len(present) == 1 else ():
        if found := re.search(rf'(?:^|([^\w"])){re.escape(name)}(?:$|([^\w"]))', present[0]):
            return found[1] or found[2]
    return None


def refusal_of(
    rows: int, bad_rows: int, tolerated: float, problems: Sequence[Problem], *, unlabelled: bool = False
) -> FileRefused | None:
    """Say whether a file that was read is refused whole.

    Args:
        rows: all of its rows.
        bad_rows: the bad ones among them.
        tolerated: the share of bad rows that is taken.
        problems: what is wrong with the bad ones.
        unlabelled: none of its rows has a label, and no file before says of what kind labels are.
    """
    if not rows:
        return FileRefused(
            "the file has a header but no rows",
            [
                Problem(
                    where="the file",
                    problem="no rows",
                    fix="drop it again with its rows",
                )
            ],
        )
    if bad_rows == rows:
        return FileRefused(f"all {rows} rows are bad", problems, rows=rows, bad_rows=bad_rows)
    if unlabelled:
        return FileRefused(
            "no row has a label",
            [
                Problem(
                    where="the target",
                    problem="it is missing in every row of the model's first file",
                    fix="drop a file with labels first; later ones may lack them",
                )
            ],
            rows=rows,
            bad_rows=bad_rows,
        )
    share = bad_rows / rows
    if share > tolerated:
        reason = (
            f"{bad_rows} of {rows} rows are bad ({share:.1%}), more than the {tolerated:.1%} that "
            "ingest.tolerated_bad_rows allows"
        )
        return FileRefused(reason, problems, rows=rows, bad_rows=bad_rows)
    return None
