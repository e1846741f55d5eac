"""Why a dropped file is refused whole.

FileRefused
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa

from eventing.catalogue import Problem

MAX_PROBLEMS = 20
_MAX_TEXT = 400
_log = logging.getLogger(__name__)


class FileRefused(Exception):
    """The file is refused whole; `reason` is one sentence, `problems` name each place and its fix.

    Args:
        reason: why, in one sentence.
        problems: at most `MAX_PROBLEMS` are kept, since events are small; the report in the store has all.
        rows: rows read, when it got that far.
        bad_rows: how many of them were bad.
    """

    def __init__(
        self, reason: str, problems: Sequence[Problem] = (), *, rows: int = 0, bad_rows: int = 0
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.problems = shorten(problems)
        self.rows = rows
        self.bad_rows = bad_rows


def refuse(reason: str, where: str, problem: str, fix: str) -> FileRefused:
    """Build a refusal with a single problem."""
    return FileRefused(reason, [Problem(where=where, problem=problem, fix=fix)])


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Refuse the file where Arrow cannot do with its values what no rule foresaw: again would not help."""
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        _log.exception("a file met a case that no rule foresees: %s", clip(where))
        raise refuse(
            "the file has values that cannot be read",
            where,
            str(error)[:200],
            "write the values in another way, or leave the column out",
        ) from error


def shorten(problems: Sequence[Problem]) -> list[Problem]:
    """Keep the first problems, with bounded texts, and say how many more there are."""
    kept = [
        Problem(where=clip(one.where), problem=clip(one.problem), fix=clip(one.fix))
        for one in problems[:MAX_PROBLEMS]
    ]
    more = len(problems) - len(kept)
    return [*kept, Problem(where="…", problem=f"{more} more problems")] if more > 0 else kept


def clip(text: str, limit: int = _MAX_TEXT) -> str:
    """Cut a text that may have come from the file to `limit` characters, control characters shown."""
    visible = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text[: limit + 1])
    return visible if len(visible) <= limit else visible[: limit - 1] + "…"
