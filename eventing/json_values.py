"""JSON exactly as RFC 8259 has it: no NaN, no infinities, UTF-8 only, and no surprise exceptions.

An object in which a name is there twice is refused: parsers differ in which of the values they take (RFC 7493
forbids it), so what one of us has checked could be something else to the next.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


class NotJson(ValueError):
    """The text is not JSON, or the value has no JSON form; the message says where and why."""


def load_json(raw: bytes) -> Any:
    """Parse UTF-8 JSON text.

    Raises:
        NotJson: on anything else, including NaN, numbers too large for a float, nesting too deep to read, and
            a name that is twice in one object.
    """
    try:
        return _DECODER.decode(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise NotJson(f"byte {error.start} is not UTF-8") from error
    except RecursionError as error:
        raise NotJson("nested too deep") from error
    except ValueError as error:
        raise NotJson(str(error)) from error


def dump_json(value: Any) -> bytes:
    """Serialise a JSON value as compact UTF-8.

    Raises:
        NotJson: when the value is not a JSON value: NaN, a date, a set, nesting without end.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", errors="strict")
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8 form, but JSON can still spell it as an escape.
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large a number")
    return number


def _each_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        names = [name for name, _ in members]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is there twice")
    return found


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_each_once)
