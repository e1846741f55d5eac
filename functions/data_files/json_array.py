"""Reads the elements of a JSON array of any size one by one, as the bytes they are written in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from functions.data_files.refusal import FileRefused, refuse
from functions.data_files.unpack import CHUNK

_SPACE = " \t\r\n"


def array_elements(path: Path, longest: int) -> Iterator[bytes]:
    """Yield each element of the array that a UTF-8 file holds, line ends as spaces.

    Raises:
        FileRefused: it is not one whole array, an element is longer than `longest` characters, or nested so
            deeply that its end cannot be told.
    """
    scan = json.JSONDecoder().raw_decode
    with path.open(encoding="utf-8", newline="") as stream:
        text = _Text(stream)
        text.expect("[")
        number = 0
        while text.next() != "]":
            if number:
                text.expect(",")
                text.next()
            number += 1
            while (end := _end(scan, text, number)) is None:
                if len(text.buffer) - text.at > longest:
                    raise _broken(number, f"it is no JSON, or longer than {longest} characters")
                if not text.more():
                    raise _broken(number, "it is no JSON, or cut off")
            found, text.at = text.buffer[text.at : end], end
            yield found.replace("\n", " ").replace("\r", " ").encode()
        text.expect("]")
        if rest := text.next():
            raise refuse(
                "more than one JSON value",
                f"after {number} elements",
                f"the array is followed by {rest!r}",
                "write one array, or one object per line",
            )


class _Text:
    """What has been read of a file and not been passed yet, from `at` on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.buffer = ""
        self.at = 0

    def more(self) -> bool:
        """Read about as much again as there is, so that a long element costs linear time."""
        kept = self.buffer[self.at :]
        new = self._stream.read(max(CHUNK, len(kept)))
        self.buffer, self.at = kept + new, 0
        return bool(new)

    def next(self) -> str:
        """Pass over space; return the next character, "" at the end."""
        while True:
            while self.at < len(self.buffer) and self.buffer[self.at] in _SPACE:
                self.at += 1
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.more():
                return ""

    def expect(self, mark: str) -> None:
        """Pass over one character. Raises: FileRefused: it is another."""
        found = self.next()
        if found != mark:
            raise refuse(
                "broken JSON",
                "the array",
                f"expected {mark!r}, got {found!r}" if found else "it is cut off",
                "write it again",
            )
        self.at += 1


def _end(scan: object, text: _Text, number: int) -> int | None:
    """Return where the element ends; None when more of the file must be read to tell."""
    try:
        end: int = scan(text.buffer, text.at)[1]  # type: ignore[operator]
    except json.JSONDecodeError:
        return None
    except RecursionError as error:
        raise _broken(number, "it is nested too deeply") from error
    return end if end < len(text.buffer) else None


def _broken(number: int, problem: str) -> FileRefused:
    return refuse("broken JSON", f"element {number} of the array", problem, "correct it, or write it again")
