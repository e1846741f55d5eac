"""The sink client against a real HTTP server: what it sends, what it retries, when it gives up."""

from __future__ import annotations

import logging
import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eventing.bearer import TokenFile
from eventing.codec import decode
from eventing.sink import Sink, SinkError, parse_overrides, parse_retry_after, sink_from_env
from eventing.testing import build_event

EVENT = build_event("dev.example.happened", {"name": "ü"}, subject="münchen", id_="1")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def sink_of(url: str, pauses: list[float], **options: Any) -> Sink:
    options = {"retries": 3, "timeout_s": 2.0, "uniform": lambda low, high: high, **options}
    return Sink(url, sleep=pauses.append, now=lambda: NOW, **options)


def test_an_event_arrives_as_it_was_sent(receiver: Any) -> None:
    Sink(receiver.url).send(EVENT)
    ((headers, body),) = receiver.requests
    assert decode(headers, body) == EVENT


def test_overrides_are_set_on_every_event(receiver: Any) -> None:
    Sink(receiver.url, overrides={"team": "a", "correlationid": "c"}).send(EVENT)
    assert receiver.requests[0][0]["ce-team"] == "a"
    assert receiver.requests[0][0]["ce-correlationid"] == "c"


def test_the_trace_is_sent_as_a_header_too(receiver: Any) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    Sink(receiver.url).send(replace(EVENT, extensions={"traceparent": trace}))
    headers = receiver.requests[0][0]
    assert (headers["traceparent"], headers["ce-traceparent"]) == (trace, trace)


@pytest.mark.parametrize("status", [404, 408, 409, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(receiver: Any, status: int) -> None:
    receiver.answer(status, status)
    pauses: list[float] = []
    sink_of(receiver.url, pauses).send(EVENT)
    assert len(receiver.requests) == 3
    assert pauses == pytest.approx([0.15, 0.3])


@pytest.mark.parametrize("status", [301, 400, 401, 403, 410, 413, 415, 422])
def test_what_is_refused_for_good_is_not_tried_again(receiver: Any, status: int) -> None:
    receiver.answer(status, Location="/elsewhere")
    with pytest.raises(SinkError, match=f"answered {status}: because") as caught:
        sink_of(receiver.url, []).send(EVENT)
    assert (caught.value.status, caught.value.final) == (status, True)
    assert len(receiver.requests) == 1


def test_it_gives_up_after_the_last_attempt(receiver: Any) -> None:
    receiver.answer(*[503] * 9)
    pauses: list[float] = []
    with pytest.raises(SinkError) as caught:
        sink_of(receiver.url, pauses).send(EVENT)
    assert (caught.value.status, caught.value.final) == (503, False)
    assert (len(receiver.requests), len(pauses)) == (4, 3)


@pytest.mark.parametrize(
    ("retry_after", "pause_s"),
    [("3", 3.0), ("0", 0.15), ("Mon, 23 Nov 2026 12:00:05 GMT", 5.0), ("86400", 10.0), ("soon", 0.15)],
)
def test_the_pause_that_the_sink_asks_for_is_kept_within_reason(
    receiver: Any, retry_after: str, pause_s: float
) -> None:
    receiver.answer(503, **{"Retry-After": retry_after})
    pauses: list[float] = []
    sink_of(receiver.url, pauses).send(EVENT)
    assert pauses == pytest.approx([pause_s])


def test_pauses_are_spread_so_that_senders_do_not_come_back_together(receiver: Any) -> None:
    receiver.answer(503)
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    sink_of(receiver.url, [], uniform=uniform).send(EVENT)
    assert drawn == [pytest.approx((0.05, 0.15))]


def test_a_connection_that_breaks_is_tried_again(receiver: Any) -> None:
    receiver.answer(0)
    sink_of(receiver.url, []).send(EVENT)
    assert len(receiver.requests) == 2


def test_a_sink_that_never_answers_is_given_up_on_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sink = sink_of(f"http://127.0.0.1:{silent.getsockname()[1]}/", [], timeout_s=0.2, retries=1)
        with pytest.raises(SinkError, match="did not answer") as caught:
            sink.send(EVENT)
    assert caught.value.status is None


def test_a_sink_that_is_not_there_is_an_error_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/"
    with pytest.raises(SinkError, match=url):
        sink_of(url, [], retries=0).send(EVENT)


def test_the_environment_names_the_sink_and_its_overrides(receiver: Any) -> None:
    env = {"K_SINK": receiver.url, "K_CE_OVERRIDES": '{"extensions": {"team": "a"}}'}
    sink_from_env(env).send(EVENT)
    assert receiver.requests[0][0]["ce-team"] == "a"


@pytest.mark.parametrize("env", [{}, {"K_SINK": ""}])
def test_without_a_sink_an_event_is_refused_until_there_is_one(env: dict[str, str]) -> None:
    with pytest.raises(SinkError, match="K_SINK is not set") as caught:
        sink_from_env(env).send(EVENT)
    assert not caught.value.final


def test_a_malformed_sink_is_named() -> None:
    with pytest.raises(ValueError, match="K_SINK must be the http address"):
        sink_from_env({"K_SINK": "broker"})


@pytest.mark.parametrize("text", ["0", "601", "-1", "1e2", "soon", "nan", "\u0661"])
def test_a_timeout_that_cannot_be_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="SINK_TIMEOUT_S must be seconds"):
        sink_from_env({"K_SINK": "http://broker/", "SINK_TIMEOUT_S": text})


def test_the_environment_says_how_long_an_answer_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = {"K_SINK": f"http://127.0.0.1:{silent.getsockname()[1]}/", "SINK_TIMEOUT_S": "0.2"}
        with pytest.raises(SinkError, match=r"read timeout=0\.2"):
            sink_from_env(env, retries=0).send(EVENT)


@pytest.mark.parametrize("text", ["{", "[]", '"x"', '{"extensions": [1]}', '{"extensions": {"a": 1}}'])
def test_malformed_overrides_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="K_CE_OVERRIDES"):
        parse_overrides(text)


@pytest.mark.parametrize("text", ["", "{}", '{"extensions": null}', '{"extensions": {}}'])
def test_overrides_may_be_absent(text: str) -> None:
    assert parse_overrides(text) == {}


def test_a_retry_after_without_a_zone_is_read_as_utc() -> None:
    assert parse_retry_after("Mon, 23 Nov 2026 12:00:05 -0000", NOW) == 5.0


def test_a_retry_after_with_an_absurd_zone_asks_for_nothing() -> None:
    assert parse_retry_after("Mon, 23 Nov 2026 12:00:05 +99999999999999", NOW) == 0.0


def test_a_sink_that_asks_who_sends_is_shown_the_token_that_the_file_holds_now(
    receiver: Any, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("first.token-1\n")
    sink = sink_from_env({"K_SINK": receiver.url, "SINK_TOKEN_FILE": str(file)})

    sink.send(EVENT)
    file.write_text("second.token_2")
    sink.send(EVENT)

    shown = [headers["authorization"] for headers, _ in receiver.requests]
    assert shown == ["Bearer first.token-1", "Bearer second.token_2"]


def test_a_token_that_is_not_believed_is_tried_again_with_what_the_file_holds_then(
    receiver: Any, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("expired")
    receiver.answer(401)

    def replaced(_: float) -> None:
        file.write_text("fresh")

    Sink(receiver.url, token=TokenFile(str(file)), sleep=replaced).send(EVENT)

    assert [headers["authorization"] for headers, _ in receiver.requests] == [
        "Bearer expired",
        "Bearer fresh",
    ]


@pytest.mark.parametrize("held", [None, "", "two words", "line\r\nX-Evil: 1", "schlüssel"])
def test_without_a_token_nothing_is_sent_and_the_error_names_the_file_but_not_what_it_holds(
    receiver: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, held: str | None
) -> None:
    file = tmp_path / "token"
    if held is not None:
        file.write_text(held)
    caplog.set_level(logging.DEBUG)

    with pytest.raises(SinkError, match=f"SINK_TOKEN_FILE {file}") as caught:
        sink_of(receiver.url, [], token=TokenFile(str(file))).send(EVENT)

    assert not caught.value.final
    assert receiver.requests == []
    assert not held or held not in f"{caught.value}{caplog.text}"


def test_a_token_is_in_no_log_and_no_error(
    receiver: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "token"
    file.write_text("secret-of-ours")
    caplog.set_level(logging.DEBUG)
    receiver.answer(403)

    with pytest.raises(SinkError, match="answered 403") as caught:
        sink_of(receiver.url, [], token=TokenFile(str(file))).send(EVENT)

    assert caught.value.final
    assert "secret-of-ours" not in f"{caught.value!r}{caplog.text}{caught.value.__context__!r}"
