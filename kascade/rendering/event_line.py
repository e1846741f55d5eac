"""An event as one line of a terminal: when, what, about what, and the few words that matter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from eventing import catalogue as c
from eventing.words.data_warnings import warning_lines
from eventing.words.event_words import words_of
from eventing.words.tone import Tone, tone_of
from kascade.rendering.terminal import escape_line

_COLOURS = {Tone.GOOD: "green", Tone.BAD: "red", Tone.WARNING: "yellow", Tone.PLAIN: "cyan"}


def event_line(event: Mapping[str, Any]) -> str:
    """Return rich markup for an event in structured JSON form: a line, and one for each of its warnings."""
    type_ = str(event["type"])
    data = event.get("data")
    name = escape_line(f"{type_.removeprefix(c.PREFIX).removeprefix(c.S3_PREFIX):<24}")
    at = _clock_of(event.get("time"))
    about = escape_line(f"{event.get('subject') or ''!s:<24} {words_of(type_, data)}")
    line = f"[dim]{at}[/] [{_COLOURS[tone_of(type_, data)]}]{name}[/] {about}"
    warnings = warning_lines(data) if type_ == c.DatasetIngested.type and isinstance(data, Mapping) else []
    return "\n".join([line, *(f"             [yellow]{escape_line(each)}[/]" for each in warnings)])


def _clock_of(time: str | None) -> str:
    """Return the time of day here; blanks where there is none, or none that this machine's clock can show."""
    try:
        when = datetime.fromisoformat(time or "").astimezone()
    except (ValueError, OverflowError, OSError):
        return " " * 12
    return when.strftime("%H:%M:%S.%f")[:-3]
