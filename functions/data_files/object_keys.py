"""Which object an event is about, and what it is by its key: a spec, a data file, or nothing that is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath
from urllib.parse import unquote, unquote_plus

from eventing.catalogue import ObjectRecord, Problem
from eventing.event import Event
from eventing.store import join_uri

RAW = "raw"
SPEC_NAME = "model.yaml"

_MODEL = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".swp", ".filepart", "~")
_HIVE_MISSING = "__HIVE_DEFAULT_PARTITION__"
_LEFT_BY_PROGRAMS = ("~$", "thumbs.db", "desktop.ini")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.py|requirements[A-Za-z0-9._-]*\.txt")
_PIPELINE = ("pipeline.yaml", "pipeline.yml")


class Format(StrEnum):
    """How a data file is written."""

    CSV = "csv"
    PARQUET = "parquet"
    JSON_LINES = "jsonl"
    JSON_ARRAY = "json"
    EXCEL = "xlsx"
    ZIP = "zip"


_FORMATS = {
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".txt": Format.CSV,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
    ".jsonl": Format.JSON_LINES,
    ".ndjson": Format.JSON_LINES,
    ".json": Format.JSON_LINES,
    ".xlsx": Format.EXCEL,
    ".xlsm": Format.EXCEL,
    ".xls": Format.EXCEL,
    ".zip": Format.ZIP,
}
_PACKED = (".gz", ".bz2", ".xz", ".zst")
KNOWN_ENDINGS = (
    ".csv, .tsv, .txt, .jsonl, .ndjson, .json (each also .gz, .bz2, .xz, .zst), .parquet, .pq, .xlsx, .zip"
)


@dataclass(frozen=True)
class DroppedObject:
    """An object in the bucket `raw`; without an ETag, its current version."""

    bucket: str
    key: str
    etag: str | None

    @property
    def uri(self) -> str:
        """Its address in the store."""
        return join_uri(self.bucket, self.key)


def object_of(event: Event, record: ObjectRecord) -> DroppedObject:
    """Take the key from the event's subject, where it is plain, else from the record, where S3 encodes it."""
    key = event.subject if event.subject else unquote_plus(record.s3.object.key)
    etag = record.s3.object.etag
    return DroppedObject(record.s3.bucket.name, key, etag.strip('"') if etag else None)


@dataclass(frozen=True)
class SpecFile:
    """A model.yaml."""

    model: str


@dataclass(frozen=True)
class DataFile:
    """A file with rows; `folders` are the columns that its folders tell, as key=value."""

    model: str
    format: Format
    folders: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True)
class Ignored:
    """Nothing for us: a folder marker, a hidden or an unfinished file. `why` is for the log."""

    why: str


@dataclass(frozen=True)
class Misplaced:
    """A file that cannot be taken under this key."""

    model: str
    reason: str
    problem: Problem


@dataclass(frozen=True)
class CodeFile:
    """A file that `train.code` or `train.requirements` of the folder's model.yaml may name."""

    model: str


ObjectKind = SpecFile | CodeFile | DataFile | Ignored | Misplaced


def classify_key(key: str) -> ObjectKind:
    """Say what an object in the bucket `raw` is by its key, `<model>/…/<name>`."""
    if key.endswith("/") or not key:
        return Ignored("a folder marker")
    parts = key.split("/")
    model, name = parts[0], parts[-1]
    if name.lower().endswith(_UNFINISHED):
        return Ignored("an unfinished or temporary file")
    if any(part.startswith((".", "_")) and part not in (".", "..") for part in parts[1:]):
        return Ignored("a hidden file")
    if name.lower().startswith(_LEFT_BY_PROGRAMS):
        return Ignored("a file that a program left beside others")
    kind = _misplaced(key, parts) or _by_name(model, name, depth=len(parts))
    return replace(kind, folders=_folder_columns(parts[1:-1])) if isinstance(kind, DataFile) else kind


def _folder_columns(steps: list[str]) -> tuple[tuple[str, str | None], ...]:
    """Return the columns in folders named key=value, as Hive writes them: special characters as %XX."""
    columns: dict[str, str | None] = {}
    for step in steps:
        name, equals, value = step.partition("=")
        if name and equals:
            columns[unquote(name)] = None if value in ("", _HIVE_MISSING) else unquote(value)
    return tuple(columns.items())


def _misplaced(key: str, parts: list[str]) -> Misplaced | None:
    model = parts[0] if len(parts) > 1 else ""
    if len(parts) == 1:
        return _refused(
            key, model, "the file lies in no folder", "drop it into a folder named after the model"
        )
    if any(part in ("", ".", "..") for part in parts) or "\\" in key or not key.isprintable():
        return _refused(
            key,
            model,
            "the key has an empty, `.` or `..` step, a backslash or a control character",
            "drop it again under a plain name such as churn/2026-01.csv",
        )
    if not _MODEL.fullmatch(model):
        return _refused(
            key,
            model,
            f"the folder {model!r} is no model name (a-z, 0-9 and dashes, at most 40)",
            "rename the folder, for example to churn or churn-nl",
        )
    return None


def _by_name(model: str, name: str, depth: int) -> ObjectKind:
    if name == SPEC_NAME and depth == 2:
        return SpecFile(model)
    if _CODE.fullmatch(name) and depth == 2:
        return CodeFile(model)
    if name.endswith(_PIPELINE):
        return Ignored("a Kubeflow pipeline, which train.pipeline may name")
    if name.endswith((".yaml", ".yml")):
        return _refused(name, model, f"a {name} in this place is not read", f"name it {model}/{SPEC_NAME}")
    if found := format_of(name):
        return DataFile(model, found)
    return _refused(
        name,
        model,
        f"{_ending(name) or 'a name without ending'} is no kind of file that is read",
        f"expected model.yaml, {KNOWN_ENDINGS}",
    )


def format_of(name: str) -> Format | None:
    """Return how a file of this name is written, whatever it is packed in; None when it is not known."""
    return _FORMATS.get(_ending(name))


def _ending(name: str) -> str:
    path = PurePosixPath(name.lower())
    return path.with_suffix("").suffix if path.suffix in _PACKED else path.suffix


def _refused(where: str, model: str, problem: str, fix: str) -> Misplaced:
    return Misplaced(
        model, "the file cannot be taken under this name", Problem(where=where, problem=problem, fix=fix)
    )
