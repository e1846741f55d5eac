"""From bytes to plain values with their places: YAML as the writer sees it, bounded in every direction.

The scalars follow YAML 1.2's core schema, so `on`, `no` and `2026-01-01` stay the words they look like and
`1e-3` is a number; YAML 1.1 (PyYAML's default) would turn `retrain: {on: [...]}` into the key `True`.
Aliases, tags and several documents are refused: model.yaml needs none, and they are how YAML bombs are made.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import events as ev

from eventing.catalogue import Problem
from pipelines.spec.problems import SpecError

MAX_SPEC_BYTES = 256 * 1024
_MAX_DEPTH = 12
_MAX_NODES = 50_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # without libyaml 256 KiB can take 3 s

Path = tuple[str | int, ...]

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,40}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?")
_INF = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_NAN = {".nan", ".NaN", ".NAN"}


@dataclass
class Document:
    """The values of a YAML file, and the line and column (from 1) where each path's key or item stands."""

    value: Any
    file: str = "model.yaml"
    marks: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def where(self, path: Path) -> str:
        """Name a path as `train.candidates[0].grid (line 9, column 5)`, by its nearest known place."""
        known = path
        while known and known not in self.marks:
            known = known[:-1]
        line, column = self.marks.get(known, (1, 1))
        return f"{name_of(path) or self.file} (line {line}, column {column})"


def name_of(path: Path) -> str:
    """Write a path with dots and indices: `train.candidates[0].grid`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def load(raw: bytes, file: str = "model.yaml") -> Document:
    """Read YAML bytes into plain values (dict with text keys, list, str, int, float, bool, None).

    Args:
        file: its name, which problems are told with.

    Raises:
        SpecError: the file is too large, not UTF-8 or UTF-16 text, or not YAML that can be read further.
            Problems that leave the rest readable (a key twice, a tag) are collected in the document.
    """
    text = decode_spec(raw, file)
    document = Document(value=None, file=file)
    try:
        stream = yaml.parse(text, Loader=_LOADER)
        _Composer(document, stream).run()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file} (line {mark.line + 1}, column {mark.column + 1})" if mark else file
        what = error.problem or error.context or "cannot be read"
        raise _refusal(place, f"not valid YAML: {what}", "check the indentation, quotes, colons") from error
    except yaml.YAMLError as error:
        raise _refusal(file, f"not valid YAML: {_one_line(error)}", "save it as plain UTF-8 text") from error
    return document


def _refusal(where: str, problem: str, fix: str) -> SpecError:
    return SpecError([Problem(where=where, problem=problem, fix=fix)])


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def decode_spec(raw: bytes, file: str = "model.yaml") -> str:
    """Decode a model.yaml: UTF-8, or UTF-16 with a byte order mark. Raises SpecError."""
    if len(raw) > MAX_SPEC_BYTES:
        raise _refusal(
            file,
            f"{len(raw)} bytes, expected at most {MAX_SPEC_BYTES}",
            "is it a data file by mistake? give data another name",
        )
    encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _refusal(
            f"{file} (line {line})",
            f"not {encoding} text: byte {error.start} is {raw[error.start]:#04x}",
            "save the file as UTF-8",
        ) from error


class _Composer:
    """Builds the values from parser events, so that depth and size are bounded before anything is built."""

    def __init__(self, document: Document, stream: Iterator[ev.Event]) -> None:
        self.document = document
        self.stream = stream
        self.nodes = 0

    def run(self) -> None:
        first = next(self.stream)
        while isinstance(first, ev.StreamStartEvent | ev.DocumentStartEvent):
            first = next(self.stream)
        if isinstance(first, ev.StreamEndEvent):
            return
        self.document.value = self._node(first, (), 0)
        for event in self.stream:
            if isinstance(event, ev.DocumentStartEvent):
                raise _refusal(
                    self._at(event), "a second YAML document (`---`)", "keep one document in the file"
                )

    def _node(self, event: ev.Event, path: Path, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > _MAX_NODES:
            raise _refusal(self._at(event), f"more than {_MAX_NODES} values", "shorten the file")
        if depth > _MAX_DEPTH:
            raise _refusal(
                self._at(event),
                f"nested deeper than {_MAX_DEPTH} levels",
                f"{self.document.file} needs at most 5",
            )
        if isinstance(event, ev.AliasEvent):
            raise _refusal(self._at(event), f"an alias (*{event.anchor})", "write the value out in full")
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", "tag:yaml.org,2002:str"):
            self._problem(event, f"a tag ({tag})", f"remove it: {self.document.file} holds plain values")
        if isinstance(event, ev.MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, ev.SequenceStartEvent):
            return self._sequence(path, depth)
        return _scalar(event)

    def _sequence(self, path: Path, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.stream), ev.SequenceEndEvent):
            here = (*path, len(items))
            self._place(here, event)
            items.append(self._node(event, here, depth + 1))
        return items

    def _mapping(self, path: Path, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self.stream), ev.MappingEndEvent):
            if not isinstance(event, ev.ScalarEvent):
                raise _refusal(self._at(event), "a key that is not a word", "write `key: value`")
            key = _clean(event.value)
            here = (*path, key)
            if key in values:
                first = self.document.marks[here][0]
                self._problem(
                    event, f"the key `{key}` stands here again, first on line {first}", "keep one of them"
                )
            else:
                self._place(here, event)
            values[key] = self._node(next(self.stream), here, depth + 1)
        return values

    def _place(self, path: Path, event: ev.Event) -> None:
        self.document.marks[path] = _position(event)

    def _problem(self, event: ev.Event, problem: str, fix: str) -> None:
        self.document.problems.append(Problem(where=self._at(event), problem=problem, fix=fix))

    def _at(self, event: ev.Event) -> str:
        line, column = _position(event)
        return f"{self.document.file} (line {line}, column {column})"


def _position(event: ev.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _clean(text: str) -> str:
    """Write lone surrogates (from escapes such as `"\\ud800"`) out, since they are no text."""
    return text.encode("utf-8", "backslashreplace").decode()


def _scalar(event: ev.Event) -> Any:
    assert isinstance(event, ev.ScalarEvent)  # noqa: S101 - the parser yields nothing else here
    text = _clean(event.value)
    if event.style or event.tag is not None:  # a plain one has the style None or ""
        return text
    if text in _NULL:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if infinite := _INF.fullmatch(text):
        return float(f"{infinite.group(1)}inf")
    return float("nan") if text in _NAN else text
