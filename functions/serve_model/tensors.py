"""Tensors of the Open Inference Protocol: from JSON and from the binary extension, and back.

Sources: Open Inference Protocol, "Tensor Data Types", "Tensor Data"; Triton, "Binary Tensor Data Extension".
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from functions.serve_model.errors import BadRequest

NUMPY_TYPES = MappingProxyType(
    {
        "BOOL": np.dtype("?"),
        "UINT8": np.dtype("u1"),
        "UINT16": np.dtype("<u2"),
        "UINT32": np.dtype("<u4"),
        "UINT64": np.dtype("<u8"),
        "INT8": np.dtype("i1"),
        "INT16": np.dtype("<i2"),
        "INT32": np.dtype("<i4"),
        "INT64": np.dtype("<i8"),
        "FP16": np.dtype("<f2"),
        "FP32": np.dtype("<f4"),
        "FP64": np.dtype("<f8"),
    }
)
DATATYPES = (*NUMPY_TYPES, "BYTES")
FLOATS = ("FP16", "FP32", "FP64")
_RANGES = {
    "BOOL": (0, 1),
    **{f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
}
_BOM = b"\xef\xbb\xbf"
Values = Sequence[Any] | NDArray[Any]


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input tensor: `values` is flat, in row-major order, as many as `shape` says."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Values


def matrix(tensor: Tensor, *, exact: bool = False) -> NDArray[Any]:
    """Return a numeric 2-d tensor as an array [N, k]; null becomes NaN.

    Args:
        exact: keep float64 of JSON's numbers, for a model that float32 would take digits from.

    Raises: BadRequest for a value that is no number.
    """
    values = tensor.values
    if isinstance(values, np.ndarray):
        return values.reshape(tensor.shape)
    return pack(values, tensor.name, exact=exact).reshape(tensor.shape)


def pack(values: Sequence[Any], name: str, *, exact: bool = False) -> NDArray[np.floating[Any]]:
    """Convert a flat list of numbers and nulls to float32, or float64 if `exact`.

    struct does it three times faster than numpy.
    """
    form = f"{len(values)}{'d' if exact else 'f'}"
    try:
        packed = struct.pack(form, *values)
    except (struct.error, OverflowError):
        packed = struct.pack(form, *[_number(value, i, name) for i, value in enumerate(values)])
    return np.frombuffer(packed, dtype=np.float64 if exact else np.float32)


def _number(value: Any, position: int, name: str) -> float:
    if value is None:
        return math.nan
    try:
        if isinstance(value, int | float):
            return float(value)
    except OverflowError:  # more digits than any float holds: as good as not known
        return math.nan
    raise BadRequest(f"input '{name}', value {position}: got {shown(value)}, expected a number or null")


def flatten(data: Any, shape: tuple[int, ...], name: str) -> Sequence[Any]:
    """Flatten nested lists of `shape`; a flat list is taken as it is.

    Raises: BadRequest when the lists do not have the shape.
    """
    size = math.prod(shape)
    if isinstance(data, list) and len(data) == size and not (data and isinstance(data[0], list)):
        return data
    flat = (
        _unnest(data, shape, name) if isinstance(data, list) and data and isinstance(data[0], list) else None
    )
    if flat is None:
        got = f"{len(data)} values" if isinstance(data, list) else shown(data)
        raise BadRequest(f"input '{name}': shape {list(shape)} needs {size} values, got {got}")
    return flat


def _unnest(data: list[Any], shape: tuple[int, ...], name: str) -> list[Any]:
    for depth, expected in enumerate(shape):
        if depth == 0:
            level, ragged = data, len(data) != expected
        else:
            ragged = any(not isinstance(part, list) or len(part) != expected for part in level)
            level = [] if ragged else [value for part in level for value in part]
        if ragged:
            raise BadRequest(f"input '{name}': the nested lists do not have shape {list(shape)}")
    if any(isinstance(value, list) for value in level):
        raise BadRequest(f"input '{name}': the lists are nested deeper than shape {list(shape)}")
    return level


def check_types(values: Sequence[Any], datatype: str, name: str) -> None:
    """Raise BadRequest where JSON values are not of `datatype`: text for BYTES, else numbers; or null.

    Of a datatype of whole numbers they must be whole, and within its range.
    """
    wanted = str if datatype == "BYTES" else (int, float)
    low, high = _RANGES.get(datatype, (None, None))
    kinds = set(map(type, values))
    if kinds == {str} and datatype == "BYTES":
        return
    if kinds == {int} and low is not None and high is not None and low <= min(values) and max(values) <= high:
        return
    for position, value in enumerate(values):
        if value is None:
            continue
        fits = isinstance(value, wanted)
        if fits and low is not None and high is not None:
            fits = low <= value <= high and value == int(value)
        if not fits:
            raise BadRequest(f"input '{name}', value {position}: got {shown(value)}, expected {datatype}")


def read_json(body: bytes) -> Any:
    """Read a request's body, also with the byte order mark that some clients write. Raises: BadRequest."""
    try:
        return orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error


def from_binary(raw: memoryview, datatype: str, shape: tuple[int, ...], name: str) -> Values:
    """Read a tensor of the binary extension. Raises: BadRequest for a wrong size, or an infinity."""
    size = math.prod(shape)
    if datatype == "BYTES":
        return _strings(raw, size, name)
    dtype = NUMPY_TYPES[datatype]
    if len(raw) != size * dtype.itemsize:
        needed = size * dtype.itemsize
        raise BadRequest(f"input '{name}': {datatype} {list(shape)} needs {needed} bytes, got {len(raw)}")
    values = np.frombuffer(raw, dtype=dtype)
    if dtype.kind == "f" and np.isinf(values).any():
        place = int(np.argmax(np.isinf(values)))
        raise BadRequest(
            f"input '{name}', value {place}: got {values[place]}, expected a finite number or NaN"
        )
    return values


def _strings(raw: memoryview, size: int, name: str) -> list[str]:
    texts: list[str] = []
    start = 0
    while start + 4 <= len(raw) and len(texts) < size:
        end = start + 4 + int.from_bytes(raw[start : start + 4], "little")
        if end > len(raw):
            break
        try:
            texts.append(str(raw[start + 4 : end], "utf-8"))
        except UnicodeDecodeError as error:
            raise BadRequest(f"input '{name}', value {len(texts)}: not UTF-8 ({error.reason})") from error
        start = end
    if len(texts) != size or start != len(raw):
        raise BadRequest(
            f"input '{name}': expected {size} strings, each after its length in 4 bytes (little-endian)"
        )
    return texts


def to_binary(values: Values) -> bytes:
    """Write an output tensor in the binary extension's form."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        return np.ascontiguousarray(values).tobytes()
    parts = []
    for value in values:
        text = str(value).encode()
        parts += [len(text).to_bytes(4, "little"), text]
    return b"".join(parts)


def shown(value: Any) -> str:
    """Write a value for an error message, cut short."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
