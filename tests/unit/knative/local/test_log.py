"""The runtime's own log."""

from __future__ import annotations

import io
import json

import pytest

from knative.local import log


def test_people_get_words_and_programs_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    plain, terminal = io.StringIO(), Terminal()
    for stream in (plain, terminal):
        log.configure(stream)
        log.info("revision ready", revision="a", seconds=1.5)
        log.warn("job failed", job="b")
    lines = [json.loads(line) for line in plain.getvalue().splitlines()]
    assert [(line["level"], line["what"]) for line in lines] == [
        ("info", "revision ready"),
        ("warning", "job failed"),
    ]
    assert lines[0]["revision"] == "a"
    assert "revision ready" in terminal.getvalue()
    assert "{" not in terminal.getvalue()
