"""The rules of batch prediction that need no file: what a key is, where its result goes, what it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eventing.catalogue import Problem
from functions.data_files.object_keys import (
    KNOWN_ENDINGS,
    CodeFile,
    DataFile,
    Format,
    Ignored,
    Misplaced,
    SpecFile,
    classify_key,
)
from functions.data_files.refusal import FileRefused, clip, refuse
from pipelines.encoding import Encoding

BATCH = "batch"
"""The bucket."""

ROW, PREDICTION, VERSION, PROBLEM = "row", "prediction", "model_version", "problem"
_RESULT = ".predictions."
RESULT_ENDINGS = (".predictions.csv", ".predictions.parquet")


def kind_of(key: str) -> DataFile | Ignored | Misplaced:
    """Say what an object in the bucket is by its key; results are nothing to score."""
    if key.endswith(RESULT_ENDINGS):
        return Ignored("a result")
    match classify_key(key):
        case SpecFile(model) | CodeFile(model):
            problem = Problem(
                where=key,
                problem="it is no file of rows",
                fix=f"drop it into the bucket raw; here expected {KNOWN_ENDINGS}",
            )
            return Misplaced(model, "only files with rows are scored", problem)
        case found:
            return found


def result_key(key: str, format_: Format) -> str:
    """Return where the result of a file goes, beside it: Parquet for Parquet, CSV for all else.

    An ending that is the result's own is not said twice: `a.csv` becomes `a.predictions.csv`, and `a.json`
    becomes `a.json.predictions.csv`.
    """
    ending = "parquet" if format_ is Format.PARQUET else "csv"
    return f"{key.removesuffix('.' + ending)}{_RESULT}{ending}"


def probability_names(classes: Sequence[object] | None) -> tuple[str, ...]:
    """Return the result's columns of probabilities, in the model's order of classes."""
    return tuple(f"probability_{_text(value)}" for value in classes or ())


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Columns:
    """A file's columns: those that the model reads, and those that the result keeps."""

    features: tuple[str, ...]
    kept: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Both, each once."""
        return tuple(dict.fromkeys((*self.features, *self.kept)))


def choose_columns(
    names: Sequence[str],
    encoding: Encoding,
    keys: Sequence[str],
    written: Sequence[str],
    *,
    max_columns: int,
) -> Columns:
    """Choose what is read of a file: every feature that the model uses, and what the result keeps.

    Args:
        names: the file's columns, "" for one without a name.
        encoding: the model's.
        keys: columns that are kept although the model may read them: the spec's entity and timestamp.
        written: the columns that the result adds.

    Raises:
        FileRefused: a feature is missing, a kept column has the name of one that the result adds, or there
            are too many.
    """
    if len(names) > max_columns:
        problem = f"{len(names)} columns, at most {max_columns} are read (MAX_COLUMNS)"
        raise refuse("too many columns", "the header", problem, "leave out columns that the model lacks")
    present = set(names) - {""}
    features = tuple(feature.name for feature in encoding.features if feature.used)
    if missing := [name for name in features if name not in present]:
        raise FileRefused(_missing_reason(missing), _missing_problems(missing, names))
    read = set(features)
    kept = tuple(name for name in names if name and (name not in read or name in keys))
    if taken := sorted(set(kept) & set(written)):
        raise refuse(
            f"the file has a column {clip(taken[0], 60)}, which the result adds",
            f"column {clip(taken[0], 80)}",
            "two columns of the result would have this name",
            "rename it in the file",
        )
    return Columns(features, kept)


def _missing_reason(missing: Sequence[str]) -> str:
    listed = ", ".join(clip(name, 60) for name in missing[:5])
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    return f"missing column{'s' if len(missing) > 1 else ''}: {listed}{more}"


def _missing_problems(missing: Sequence[str], names: Sequence[str]) -> list[Problem]:
    there = ", ".join(clip(name, 40) for name in names[:20] if name)
    fix = f"add it, left empty where it is not known; the file has {there}"
    return [
        Problem(where=f"column {clip(name, 80)}", problem="missing, and the model reads it", fix=fix)
        for name in missing
    ]
