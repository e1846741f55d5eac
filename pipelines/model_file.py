"""What a model.onnx may hold, looked at before anything loads it: it is whatever somebody has put there.

Refused are data in other files, operators of other domains than ONNX's own, control flow but for a `Scan`
that holds none (a nearest neighbour search has one), functions, more than `MAX_NODES` nodes or `MAX_BYTES`
bytes, inputs and outputs that no server of ours knows, and fields that ONNX did not have in IR version 10.

Protobuf's wire format is read here by hand: a model server must not wait for a package to load.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

MAX_BYTES = 1 << 30
MAX_NODES = 10_000
DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
INPUT = "input"
LABEL, PROBABILITIES, VARIABLE = "label", "probabilities", "variable"
OUTPUTS = ([LABEL, PROBABILITIES], [VARIABLE])
LOOKUP_FOLDER = ("session.model_external_initializers_file_folder_path", "/nonexistent")
"""An entry for a session of ONNX Runtime: the folder where it would look for data in other files."""

_MAX_FIELDS = 1_000_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_KNOWN = MappingProxyType(
    {
        "model": frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14}),
        "graph": frozenset({1, 2, 5, 10, 11, 12, 13, 14, 15, 16}),
        "operator": frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9}),
        "attribute": frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 20, 22, 23}),
        "tensor": frozenset({1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16}),
        "sparse tensor": frozenset({1, 2, 3}),
        "value": frozenset({1, 2, 3, 4}),
    }
)
"""The fields of onnx.proto that are passed over or looked into, by message."""

_NEVER = MappingProxyType(
    {
        ("model", 20): "it has a graph for training",
        ("model", 25): "it has functions of its own",
        ("attribute", 11): "an operator holds several graphs",
        ("tensor", 13): "the data of a tensor lies in another file (external data)",
    }
)

_ITEMS = re.compile(
    rb"(?:\x3d.{4})++|(?:\x40[\x80-\xff]{0,9}[\x00-\x7f])++|(?:\x4a(?:\x04.{4}|\n.{10}|\x09.{9}))++",
    re.DOTALL,
)
"""Numbers and modes (LEAF, BRANCH_LEQ, …) in a list of an attribute: trees have millions, each a field."""


class RefusedModel(Exception):
    """A file that is not loaded as a model; the message says why."""


def check_model(raw: bytes) -> None:
    """Look through a model file.

    Raises:
        RefusedModel: it is damaged, or holds what no model of ours needs.
    """
    inputs, outputs = check_contents(raw)
    if inputs != [INPUT]:
        raise RefusedModel(f"its inputs are {_listed(inputs)}, expected {INPUT}")
    if outputs not in OUTPUTS:
        expected = " or ".join(_listed(names) for names in OUTPUTS)
        raise RefusedModel(f"its outputs are {_listed(outputs)}, expected {expected}")


def check_contents(raw: bytes) -> tuple[list[str], list[str]]:
    """Look through a model file of whatever inputs and outputs; return their names.

    Raises:
        RefusedModel: as `check_model`, but for the names.
    """
    if len(raw) > MAX_BYTES:
        raise RefusedModel(f"it has {len(raw)} bytes, at most {MAX_BYTES} are loaded")
    found = _Reader(raw)
    found.model()
    return [name for name in found.inputs if name not in found.initializers], found.outputs


class _Reader:
    """Reads the messages of a model, as far as something in them can be refused."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._fields_left = _MAX_FIELDS
        self._nodes_left = MAX_NODES
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.initializers: set[str] = set()

    def model(self) -> None:
        for number, value in self._fields("model", (0, len(self._raw))):
            if number == 7:
                self._graph(value, within=False)

    def _graph(self, place: Any, *, within: bool) -> None:
        for number, value in self._fields("graph", place):
            if number == 1:
                self._operator(value, within=within)
            elif number in (5, 15):
                self.initializers.add(self._tensor(value) if number == 5 else self._sparse(value))
            elif number in (11, 12) and not within:
                (self.inputs if number == 11 else self.outputs).append(self._name_of("value", value))

    def _operator(self, place: Any, *, within: bool) -> None:
        self._nodes_left -= 1
        if self._nodes_left < 0:
            raise RefusedModel(f"it has more than {MAX_NODES} operators")
        name, holds_graph = "", False
        for number, value in self._fields("operator", place):
            if number == 4:
                name = self._text(value)
            elif number == 5:
                holds_graph |= self._attribute(value, within=within)
            elif number == 7 and (domain := self._text(value)) not in DOMAINS:
                raise RefusedModel(f"it has an operator of the domain {domain[:60]!r}, not of ONNX")
        if holds_graph and name != "Scan":
            raise RefusedModel(f"the operator {name[:60]!r} holds a graph, which only Scan may")

    def _attribute(self, place: Any, *, within: bool) -> bool:
        """Look into an attribute; return whether it is a graph."""
        holds_graph = False
        for number, value in self._fields("attribute", place):
            if number == 6:
                if within:
                    raise RefusedModel("it has a loop within a loop")
                holds_graph = True
                self._graph(value, within=True)
            elif number in (5, 10):
                self._tensor(value)
            elif number in (22, 23):
                self._sparse(value)
        return holds_graph

    def _tensor(self, place: Any) -> str:
        name = ""
        for number, value in self._fields("tensor", place):
            if number == 8:
                name = self._text(value)
            elif number == 14 and value != 0:
                raise RefusedModel(_NEVER["tensor", 13])
        return name

    def _sparse(self, place: Any) -> str:
        names = [
            self._tensor(value) for number, value in self._fields("sparse tensor", place) if number in (1, 2)
        ]
        return names[0] if names else ""

    def _name_of(self, message: str, place: Any) -> str:
        names = [self._text(value) for number, value in self._fields(message, place) if number == 1]
        return names[-1] if names else ""

    def _fields(self, message: str, place: Any) -> Iterator[tuple[int, Any]]:
        """Yield the number and the value of each field: a number, or the place of what has a length."""
        raw, known = self._raw, _KNOWN[message]
        at, end = self._place(place)
        while at < end:
            if message == "attribute" and (run := _ITEMS.match(raw, at, end)):
                at = run.end()
                continue
            self._fields_left -= 1
            if self._fields_left < 0:
                raise RefusedModel(f"it has more than {_MAX_FIELDS} parts")
            tag, at = self._varint(at, end)
            number, wire = tag >> 3, tag & 7
            if number not in known:
                unknown = f"it is no ONNX file that is known: its {message} has a field {number}"
                raise RefusedModel(_NEVER.get((message, number), unknown))
            value: Any = None
            if wire == _VARINT:
                value, at = self._varint(at, end)
            elif wire == _BYTES:
                size, at = self._varint(at, end)
                value, at = (at, at + size), at + size
            elif wire in (_FIXED32, _FIXED64):
                at += 4 if wire == _FIXED32 else 8
            else:
                raise self._damaged(at)
            if at > end:
                raise self._damaged(end)
            yield number, value

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                break
            byte = self._raw[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise self._damaged(at)

    def _place(self, value: Any) -> tuple[int, int]:
        if not isinstance(value, tuple):
            raise RefusedModel("it is damaged: a message is written as a number")
        return value

    def _text(self, value: Any) -> str:
        start, end = self._place(value)
        return self._raw[start:end].decode(errors="replace")

    def _damaged(self, at: int) -> RefusedModel:
        return RefusedModel(
            f"it is damaged, or no ONNX file: byte {at} of {len(self._raw)} belongs to no field"
        )


def _listed(names: list[str]) -> str:
    return ", ".join(name[:60] for name in names[:5]) + (", …" if len(names) > 5 else "") if names else "none"
