"""The webhook's manners: who may call it, and what never holds up the caller's queue."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from eventing.event import Event
from eventing.sink import SinkError
from eventing.store import StoreUnavailable
from eventing.testing import MemorySink
from functions.receive_objects.background import Background


@pytest.fixture
def app(system: Any) -> Any:
    return system.start()


def post(app: Any, body: bytes, authorization: str | None = "Bearer a-token-of-some-length") -> Any:
    headers = {"Authorization": authorization} if authorization else {}
    return app.test_client().post("/webhook", data=body, headers=headers)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def count_of(app: Any, outcome: str) -> float:
    line = f'kascade_webhook_records_total{{outcome="{outcome}"}} '
    text = app.test_client().get("/metrics").text
    return sum(float(found.removeprefix(line)) for found in text.splitlines() if found.startswith(line))


def test_the_ping_of_minio_is_answered(app: Any) -> None:
    assert post(app, b"").status_code == 200


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        ("Basic YTpi", 401),
        ("Bearer wrong", 403),
        ("Bearer a-token-of-some-lengt", 403),
        ("Bearer a-token-of-some-length-and-more", 403),
        ("Bearer \u00fc", 403),
    ],
)
def test_whoever_does_not_show_the_token_is_turned_away(
    system: Any, app: Any, authorization: str | None, status: int
) -> None:
    system.drop("a.csv", b"1")
    body = json.dumps({"Records": [_record("a.csv")]}).encode()
    assert post(app, body, authorization).status_code == status
    assert system.announced() == []


def test_the_scheme_may_be_written_in_any_case(app: Any) -> None:
    assert post(app, b"", "bearer a-token-of-some-length").status_code == 200


def test_without_a_token_the_webhook_is_closed(system: Any) -> None:
    system.token = None
    response = post(system.start(), b"")
    assert response.status_code == 403
    assert "WEBHOOK_TOKEN is not set" in response.text


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"Records": 5}', b'{"Records": [{}]}', b"x" * (2 << 20), b'{"Records": [null]}', b"\xff"],
)
def test_what_cannot_be_understood_is_acknowledged_and_counted(app: Any, body: bytes) -> None:
    assert post(app, body).status_code == 200
    assert count_of(app, "malformed") == 1


def test_what_cannot_be_understood_is_logged_with_its_beginning(
    app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    post(app, b'{"Records": [{"eventName": 7}]}')
    (record,) = [record for record in caplog.records if record.message == "malformed notification"]
    fields = vars(record)["fields"]
    assert "eventName" in fields["problems"][0]
    assert fields["body"].startswith('{"Records"')


def test_good_records_beside_a_bad_one_are_followed(system: Any, app: Any) -> None:
    system.drop("a.csv", b"1")
    body = json.dumps({"Records": [{"eventName": "s3:ObjectCreated:Put"}, _record("a.csv")]}).encode()
    assert post(app, body).status_code == 200
    assert [key for _, key in system.announced()] == ["a.csv"]
    assert (count_of(app, "malformed"), count_of(app, "followed")) == (1, 1)


def test_a_bucket_that_is_not_watched_is_ignored(system: Any, app: Any) -> None:
    record = _record("a.csv")
    record["s3"]["bucket"]["name"] = "models"
    assert post(app, json.dumps({"Records": [record]}).encode()).status_code == 200
    assert count_of(app, "ignored") == 1
    assert system.announced() == []


def test_a_key_that_the_store_refuses_is_acknowledged(system: Any, app: Any) -> None:
    system.drop("a.csv", b"1")
    assert system.notify(app, "../../etc/passwd", "a.csv") == 200
    assert [key for _, key in system.announced()] == ["a.csv"]


def test_an_object_that_is_gone_before_it_is_looked_at_is_not_announced(system: Any, app: Any) -> None:
    assert system.notify(app, "never-seen.csv") == 200
    assert system.announced() == []


def test_a_store_that_does_not_answer_makes_the_caller_try_again(system: Any) -> None:
    class Away:
        def head(self, uri: str) -> Any:
            raise StoreUnavailable(uri, "connection refused")

    app = system.start(store=Away())
    assert system.notify(app, "a.csv") == 503


def test_our_own_bug_does_not_hold_up_the_queue(system: Any) -> None:
    class Broken:
        def head(self, uri: str) -> Any:
            raise KeyError(uri)

    app = system.start(store=Broken())
    assert system.notify(app, "a.csv") == 200
    assert count_of(app, "failed") == 1


def test_only_posts_are_taken(app: Any) -> None:
    assert app.test_client().get("/webhook").status_code == 405


def _record(key: str) -> dict[str, Any]:
    return {
        "eventName": "s3:ObjectCreated:Put",
        "s3": {"bucket": {"name": "raw"}, "object": {"key": key, "eTag": "x", "size": 1}},
    }


def test_an_event_that_takes_long_holds_up_neither_the_store_nor_other_events(system: Any) -> None:
    """A broker over an in-memory channel answers when every function has handled the event."""
    handled = threading.Event()

    class SlowBroker(MemorySink):
        def send(self, event: Event) -> None:
            if event.subject == "churn/train.csv":
                assert handled.wait(30)
            super().send(event)

    sink = SlowBroker()
    app = system.start(sink=sink, later=Background())
    system.drop("churn/train.csv", b"a\n1\n")
    system.drop("churn/more.csv", b"a\n2\n")

    assert system.notify(app, "churn/train.csv") == 200
    assert system.notify(app, "churn/more.csv") == 200
    wait_until(lambda: [event.subject for event in sink.events] == ["churn/more.csv"])
    system.sweep(app)
    handled.set()
    wait_until(lambda: len(sink.events) == 2)
    assert [event.subject for event in sink.events] == ["churn/more.csv", "churn/train.csv"]


def test_what_was_not_sent_after_the_answer_is_sent_by_a_sweep(system: Any) -> None:
    class Away(MemorySink):
        away = True

        def send(self, event: Event) -> None:
            if self.away:
                raise SinkError("nobody answers")
            super().send(event)

    sink = Away()
    app = system.start(sink=sink)
    system.drop("churn/train.csv", b"a\n1\n")
    assert system.notify(app, "churn/train.csv") == 200
    sink.away = False
    system.sweep(app)
    assert [event.subject for event in sink.events] == ["churn/train.csv"]
