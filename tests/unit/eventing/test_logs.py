"""The logs: one JSON object a line, with the event in hand."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from eventing.logs import JsonFormatter, handling
from eventing.testing import build_event


@pytest.fixture
def lines() -> Iterator[Any]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("tested")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)


def test_a_line_names_the_event_in_hand_and_no_other(lines: Any) -> None:
    with handling(build_event("dev.example.outer", id_="outer")):
        with handling(build_event("dev.example.inner", id_="inner", subject="ü")):
            logging.getLogger("tested").info("inside %d", 1, extra={"fields": {"rows": 5}})
        logging.getLogger("tested").info("outside")
    logging.getLogger("tested").info("after")
    inside, outside, after = lines()
    assert (inside["message"], inside["rows"], inside["subject"]) == ("inside 1", 5, "ü")
    assert (inside["event_id"], inside["correlation_id"]) == ("inner", "inner")
    assert outside["event_id"] == "outer"
    assert "event_id" not in after


def test_an_exception_stays_on_its_line(lines: Any) -> None:
    try:
        raise KeyError("two\nlines")
    except KeyError:
        logging.getLogger("tested").exception("it broke")
    (line,) = lines()
    assert line["level"] == "error"
    assert "KeyError" in line["exception"]
