"""The end of what a step prints."""

from __future__ import annotations

import sys

import pytest

from eventing.catalogue.training import MAX_LOG_CHARS
from pipelines.components.transcript import Transcript
from pipelines.errors import StepError


def test_what_is_printed_is_passed_on_and_kept_with_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    said = Transcript()
    try:
        with said:
            print("fold 1")
            sys.stderr.write("careful\n")
            1 / 0  # noqa: B018
    except ZeroDivisionError as error:
        log = said.end(error)

    assert log.startswith("fold 1\ncareful\nTraceback")
    assert log.endswith("ZeroDivisionError: division by zero")
    print("after")
    assert capsys.readouterr() == ("fold 1\nafter\n", "careful\n")


def test_only_the_end_is_kept_and_an_error_on_purpose_has_no_traceback() -> None:
    said = Transcript()
    with said:
        for number in range(10_000):
            print(f"line {number} " + "x" * 50)

    log = said.end(StepError("no rows", "add some"))

    assert len(log) <= MAX_LOG_CHARS
    assert log.endswith("line 9999 " + "x" * 50)
