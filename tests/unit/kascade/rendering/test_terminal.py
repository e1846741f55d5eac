"""Text of strangers on a terminal."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from kascade.rendering.event_line import event_line
from kascade.rendering.terminal import escape, escape_line, visible, visible_json

TITLE, CLEAR, EIGHT_BIT = "\x1b]0;owned\x07", "\x1b[2J\x1b[H", "\x9b2J"
STEERING = [TITLE, CLEAR, EIGHT_BIT, "\r", "\x08", "\x7f", "\u202egnp.exe", "\u2066", "\u2028"]


def printed(markup: str) -> str:
    """Return what a terminal gets."""
    console = Console(file=io.StringIO(), force_terminal=True, width=1000, color_system=None)
    console.print(markup)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.case("S12", "terminal escapes in event fields")
@pytest.mark.parametrize("field", ["type", "subject", "data"])
@pytest.mark.parametrize("steering", STEERING)
def test_no_field_of_an_event_steers_the_terminal(field: str, steering: str) -> None:
    event: dict[str, Any] = {"type": "com.example.x", "subject": "s", "time": "2026-01-01T00:00:00Z"}
    if field == "data":
        event |= {"type": "dev.kascade.training.requested", "data": {"comment": f"a{steering}b"}}
    else:
        event[field] = f"a{steering}b"
    shown = printed(event_line(event))
    assert steering not in shown
    assert not set(steering) & set(shown) - set("owned 2J[H;0]gnp.exe")


@pytest.mark.case("S12", "a line break in an event field")
def test_a_field_cannot_forge_a_line() -> None:
    event = {"type": "t", "subject": "wine\n12:00:00.000 model.approved", "time": None}
    assert len(printed(event_line(event)).splitlines()) == 1


def test_what_is_no_control_stays_as_it_is() -> None:
    text = "größe [bold] naïve 日本 🙂\n\tnext"
    assert visible(text) == text
    assert "größe [bold] naïve 日本 🙂" in printed(escape(text))
    assert visible("\x1b[31m\x9b") == "\\x1b[31m\\x9b"
    assert escape_line("a\nb") == "a\\x0ab"


@pytest.mark.case("S12", "terminal escapes in --json")
def test_json_stays_the_same_json() -> None:
    value = {"a": "".join(STEERING), "b\x9b": ["ü\n"]}
    text = visible_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert visible(text) == text
