"""An encoding: the model's features in order, and how each becomes columns of the float32 input matrix."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.encoding.categories import OneHot, Ordinal, TargetMean
from pipelines.encoding.columns import Boolean, CentredNumber, Encoder, Matrix, Number, Values, to_float32
from pipelines.encoding.errors import BadCell, EncodingError, EncodingProblem, describe
from pipelines.encoding.feature import Feature
from pipelines.encoding.scales import AS_IS, Scale
from pipelines.encoding.times import Datetime, DatetimeSince
from pipelines.encoding.unused import Unused
from pipelines.encoding.words import HashedText
from pipelines.values.form import PLAIN, Form

FORMAT = 1
SCALED_ANSWERS = 2
"""The format of an encoding that says how the model's numbers are to be read: who knows only 1 refuses it."""


@dataclass(frozen=True)
class Encoding:
    """How named raw values become the model's input [N, width]; the same JSON gives the same matrix.

    `answer` says what the numbers that a regression model gives stand for.
    """

    features: tuple[Feature, ...]
    answer: Scale = AS_IS

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The features' names in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def width(self) -> int:
        """How many columns the model's input has."""
        return sum(feature.encoder.width for feature in self.features)

    @cached_property
    def plain(self) -> bool:
        """Whether every raw value already is the number the model takes."""
        return all(feature.plain for feature in self.features)

    @cached_property
    def numeric(self) -> bool:
        """Whether a ready matrix of numbers can be taken."""
        return all(feature.numeric for feature in self.features)

    def encode(self, columns: Mapping[str, Values]) -> Matrix:
        """Encode named columns of N raw values each.

        Args:
            columns: for each feature a list or 1-d array of N values; missing values are None or NaN. What
                the model does not read may be left out.

        Returns: float32 [N, width].
        Raises: EncodingError listing every unknown, missing or unequally long column and wrongly typed value.
        """
        if self._stackable and len(columns) == len(self.features):
            matrix = self._stack(columns)
            if matrix is not None:
                return matrix
        self._check_names_and_lengths(columns)
        blocks, problems = [], []
        for feature in self.features:
            if feature.name not in columns:
                continue
            try:
                blocks.append(feature.encode(columns[feature.name]))
            except BadCell as bad:
                problems.append(EncodingProblem(feature.name, bad.got, bad.expected, bad.row))
        if problems:
            raise EncodingError(problems)
        rows = len(next(iter(columns.values()))) if columns else 0
        return np.hstack(blocks) if blocks else np.zeros((rows, 0), dtype=np.float32)

    def encode_matrix(self, matrix: NDArray[Any]) -> Matrix:
        """Take a numeric matrix [N, features] whose columns are in the order of `features`.

        Returns: float32 [N, width].
        Raises: EncodingError when a feature is no number, or the shape or type is wrong.
        """
        problems = []
        if not self.numeric:
            problems = [
                EncodingProblem(feature.name, "a column of a matrix", f"a named list ({feature.kind})")
                for feature in self.features
                if not feature.numeric
            ]
        if not problems and (matrix.ndim != 2 or matrix.shape[1] != len(self.features)):
            shape = "x".join(map(str, matrix.shape))
            problems = [EncodingProblem("input", f"shape {shape}", f"shape Nx{len(self.features)}")]
        elif not problems and matrix.dtype.kind not in "fiub":
            problems = [EncodingProblem("input", f"a matrix of {matrix.dtype}", "a matrix of numbers")]
        if problems:
            raise EncodingError(problems)
        if not self.plain:
            return self.encode(dict(zip(self.names, matrix.T, strict=True)))
        try:
            encoded = to_float32(matrix)
        except BadCell as bad:
            column = int(np.argwhere(np.isinf(matrix))[0][1])
            problem = EncodingProblem(self.names[column], bad.got, bad.expected, bad.row)
            raise EncodingError([problem]) from bad
        self._check_booleans(matrix)
        return encoded

    def answers(self, numbers: NDArray[np.float32]) -> NDArray[Any]:
        """Return the values that a regression model's numbers stand for, [N]: float64 where it is scaled."""
        return numbers if self.answer == AS_IS else self.answer.undo(numbers)

    def _stack(self, columns: Mapping[str, Values]) -> Matrix | None:
        """Build the matrix of numbers at once; None when it cannot, and the careful way says why."""
        try:
            stacked = np.array([columns[name] for name in self.names])
        except (KeyError, ValueError, OverflowError, TypeError):
            return None
        if stacked.ndim != 2 or stacked.dtype.kind not in "fiub":
            return None
        rows = stacked.T
        try:
            matrix = to_float32(rows if self.plain else (rows - self._scales[0]) / self._scales[1])
        except BadCell:
            return None
        self._check_booleans(rows)
        return matrix

    @cached_property
    def _stackable(self) -> bool:
        """Whether all features are used, and numbers that lose nothing beside each other in float64."""
        return (
            self.numeric
            and all(feature.used for feature in self.features)
            and bool(np.all(np.abs(self._scales[0]) < 2**53))
        )

    @cached_property
    def _scales(self) -> NDArray[np.float64]:
        """The features' offsets and units, [2, features]."""
        scales = [f.encoder.scale if isinstance(f.encoder, CentredNumber) else AS_IS for f in self.features]
        return np.array([[s.offset for s in scales], [s.unit for s in scales]], dtype=np.float64)

    def _check_booleans(self, matrix: NDArray[Any]) -> None:
        if not self._booleans:
            return
        problems = []
        for index in self._booleans:
            column = matrix[:, index]
            wrong = np.flatnonzero(~((column == 0) | (column == 1) | np.isnan(column)))
            if wrong.size:
                got = describe(float(column[wrong[0]]))
                problems.append(EncodingProblem(self.names[index], got, Boolean.expected, int(wrong[0])))
        if problems:
            raise EncodingError(problems)

    @cached_property
    def _booleans(self) -> tuple[int, ...]:
        return tuple(i for i, feature in enumerate(self.features) if isinstance(feature.encoder, Boolean))

    def _check_names_and_lengths(self, columns: Mapping[str, Values]) -> None:
        problems = [
            EncodingProblem(f.name, "nothing", f"a value of kind {f.kind}")
            for f in self.features
            if f.used and f.name not in columns
        ]
        known = set(self.names)
        lengths: dict[str, int] = {}
        for name, values in columns.items():
            if name not in known:
                problems.append(EncodingProblem(name, "an unknown feature", self._suggest(name)))
            elif isinstance(values, str | bytes) or not hasattr(values, "__len__"):
                problems.append(EncodingProblem(name, describe(values), "a list with one value per row"))
            elif isinstance(values, np.ndarray) and values.ndim != 1:
                problems.append(
                    EncodingProblem(name, f"an array of {values.ndim} dimensions", "one value per row")
                )
            else:
                lengths[name] = len(values)
        problems += _unequal(lengths)
        if problems:
            raise EncodingError(problems)

    def _suggest(self, name: str) -> str:
        near = difflib.get_close_matches(name, self.names, n=1, cutoff=0.6)
        if near:
            return f"a known feature (did you mean '{near[0]}'?)"
        shown = ", ".join(self.names[:20]) + (", ..." if len(self.names) > 20 else "")
        return f"one of the model's features: {shown}"

    def to_json(self) -> dict[str, Any]:
        """Return the encoding as JSON values, which `from_json` reads back to an equal encoding."""
        document = {
            "format": FORMAT,
            "features": [
                {
                    "name": f.name,
                    "kind": f.kind,
                    "method": f.encoder.method,
                    **f.form_json(),
                    **f.encoder.params(),
                }
                for f in self.features
            ],
        }
        if self.answer == AS_IS:
            return document
        return document | {"format": SCALED_ANSWERS, "answer": self.answer.to_json()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Encoding:
        """Read what `to_json` wrote. Raises: ValueError when it was written by a newer format."""
        if document.get("format") not in (FORMAT, SCALED_ANSWERS):
            raise ValueError(
                f"encoding format {document.get('format')!r} is neither {FORMAT} nor {SCALED_ANSWERS}: "
                "the model is of another version"
            )
        features = tuple(
            Feature(f["name"], f["kind"], _encoder(f), Form.from_json(f["form"]) if "form" in f else PLAIN)
            for f in document["features"]
        )
        return cls(features, Scale.from_json(document["answer"]) if "answer" in document else AS_IS)


def _unequal(lengths: Mapping[str, int]) -> list[EncodingProblem]:
    if len(set(lengths.values())) <= 1:
        return []
    counted = sorted(lengths.values())
    usual = max(counted, key=counted.count)
    return [
        EncodingProblem(name, f"{length} values", f"{usual} values, as the other features have")
        for name, length in lengths.items()
        if length != usual
    ]


_LEARNT_NOTHING: dict[str, Callable[[], Encoder]] = {"number": Number, "boolean": Boolean, "unused": Unused}


def _encoder(document: Mapping[str, Any]) -> Encoder:
    match document["method"]:
        case "number" | "boolean" | "unused" as method:
            return _LEARNT_NOTHING[method]()
        case "centred_number":
            return CentredNumber(Scale.from_json(document))
        case "one_hot":
            return OneHot(tuple(document["values"]), document["missing"])
        case "ordinal":
            return Ordinal(tuple(document["values"]))
        case "target_mean":
            missing = document["missing"]
            return TargetMean(
                {value: tuple(row) for value, row in document["means"].items()},
                None if missing is None else tuple(missing),
                tuple(document["prior"]),
            )
        case "datetime":
            return Datetime(tuple(document["parts"]))
        case "datetime_since":
            return DatetimeSince(tuple(document["parts"]), document["origin"])
        case "hashed_text":
            return HashedText(document["width"], document["gram"])
        case method:
            raise ValueError(f"encoding method {method!r} is unknown: the model is of another version")
