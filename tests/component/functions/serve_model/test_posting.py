"""A batch reaches a sink as the CloudEvent it is, over one connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.receiver import Answer, Receiver

from eventing.bearer import TokenFile
from eventing.codec import decode
from functions.serve_model.posting import Batch, NotTaken, Poster

BATCH = Batch("b1", b'{"ids": []}', 0, datetime(2026, 3, 1, 12, tzinfo=UTC))


@contextmanager
def poster(receiver: Receiver, **overrides: str) -> Iterator[Poster]:
    subject = "churn/v1"
    made = Poster(
        receiver.url, type_="t", source="/kascade/serve_model", subject=subject, overrides=overrides
    )
    yield made
    made.close()


def test_overrides_arrive_whatever_characters_are_in_them(receiver: Receiver) -> None:
    with poster(receiver, team="Müller & 日本 50%", note='"quoted" text') as sender:
        sender.send(BATCH, 5)
    ((headers, body),) = receiver.requests
    event = decode(headers, body)
    assert (event.id, event.subject, event.data) == ("b1", "churn/v1", {"ids": []})
    assert event.extensions["team"] == "Müller & 日本 50%"
    assert event.extensions["note"] == '"quoted" text'


def test_batches_share_a_connection_and_one_that_was_closed_is_opened_anew(receiver: Receiver) -> None:
    with poster(receiver) as sender:
        for _ in range(3):
            sender.send(BATCH, 5)
        assert len(receiver.connections) == 1
        receiver.answers = [Answer(202, closes=True)]
        sender.send(BATCH, 5)
        sender.send(BATCH, 5)
    assert (len(receiver.requests), len(receiver.connections)) == (5, 2)


@pytest.mark.parametrize(("status", "final"), [(400, True), (404, False), (429, False), (503, False)])
def test_a_refusal_says_whether_it_is_for_good(receiver: Receiver, status: int, final: bool) -> None:
    receiver.answer(status)
    with poster(receiver) as sender, pytest.raises(NotTaken, match=f"{status}: because") as caught:
        sender.send(BATCH, 5)
    assert caught.value.final is final


def test_a_sink_that_is_not_there_is_no_refusal_for_good() -> None:
    with pytest.raises(NotTaken, match="ConnectionRefusedError") as caught:
        Poster("http://127.0.0.1:1/", type_="t", source="/s", subject="m/v1").send(BATCH, 5)
    assert caught.value.final is False


def with_token(receiver: Receiver, file: Path) -> Poster:
    return Poster(receiver.url, type_="t", source="/s", subject="m/v1", token=TokenFile(str(file)))


def test_each_batch_shows_the_token_that_the_file_holds_now(receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "token"
    with closing(with_token(receiver, file)) as sender:
        for token in ("first", "second"):
            file.write_text(f"{token}\n")
            sender.send(BATCH, 5)
    assert [headers["authorization"] for headers, _ in receiver.requests] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize(("status", "final"), [(401, False), (403, True)])
def test_a_token_that_is_not_believed_may_be_replaced_but_one_that_may_not_send_stays_refused(
    receiver: Receiver, tmp_path: Path, status: int, final: bool
) -> None:
    file = tmp_path / "token"
    file.write_text("ours")
    receiver.answer(status)
    with (
        closing(with_token(receiver, file)) as sender,
        pytest.raises(NotTaken, match=f"{status}: because") as caught,
    ):
        sender.send(BATCH, 5)
    assert caught.value.final is final


@pytest.mark.parametrize("held", [None, "line\r\nX-Evil: 1"])
def test_a_batch_without_a_token_is_kept_and_what_the_file_holds_is_not_told(
    receiver: Receiver, tmp_path: Path, held: str | None
) -> None:
    file = tmp_path / "token"
    if held:
        file.write_text(held)
    with pytest.raises(NotTaken, match="SINK_TOKEN_FILE") as caught:
        with_token(receiver, file).send(BATCH, 5)
    assert (caught.value.final, receiver.requests) == (False, [])
    assert not held or held not in str(caught.value)
