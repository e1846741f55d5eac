"""Damaged pages of the log: the rest is delivered, what is lost is said, nothing changed is delivered."""

from __future__ import annotations

import http.client
import signal
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from faults.subscribers import Subscribers, wait_until
from faults.targets import Process, post, send, trigger

pytestmark = pytest.mark.slow
OWN_PROCESS = "it damages pages of our log"

PAGE = 4096
AWAY = {"retry": 1000, "backoffDelay": "PT0.2S", "backoffPolicy": "linear"}
ON_A_PAGE = 8
EVENTS = 120


def fill(broker: Process) -> set[str]:
    """Have a broker accept events that nobody takes, and stop it; return their ids."""
    broker.subscribe([trigger("one", "http://127.0.0.1:9/", **AWAY)])
    ids = {f"d{number:05}" for number in range(EVENTS)}
    address = urlsplit(broker.url)
    connection = http.client.HTTPConnection(address.netloc, timeout=20)
    for id_ in ids:
        assert post(connection, address.path, id_, f"{id_} ".encode() * 80) == 202
    connection.close()
    broker.end(signal.SIGTERM)
    return ids


def the_rest_arrives(broker: Process, subscribers: Subscribers, ids: set[str], deadline_s: float) -> set[str]:
    """Start on a damaged log, send one more event; return the ids that are lost, as the broker says it.

    Raises:
        AssertionError: more is missing than can lie on a page, or the broker does not say it.
    """
    broker.subscribe([trigger("one", subscribers.url("plain"), **AWAY)])
    assert send(broker.url, "new") == 202

    def lost() -> set[str]:
        return (ids | {"new"}) - subscribers.ids("plain")

    def said() -> bool:
        return f'lost_deliveries_total{{namespace="kascade",trigger="one"}} {len(lost())}.0' in metrics()

    def metrics() -> str:
        return broker.ask("/metrics").decode()

    wait_until(
        lambda: len(lost()) <= ON_A_PAGE and (not lost() or said()),
        deadline_s,
        lambda: f"{len(lost())} of {EVENTS + 1} events are lost",
    )
    return lost()


def damage(broker: Process, at_page: Callable[[bytes], int]) -> None:
    content = bytearray(broker.log.read_bytes())
    page = at_page(bytes(content))
    content[page * PAGE : (page + 1) * PAGE] = b"\xa5" * PAGE
    broker.log.write_bytes(content)


def page_of_event(content: bytes) -> int:
    return content.rindex(b"d00100 d00100") // PAGE


def root_of_events(content: bytes) -> int:
    return 2  # behind the first page and the map of pages


@pytest.mark.case("T1", "a page of events, and the page that leads to all of them")
@pytest.mark.parametrize(("page", "most"), [(page_of_event, ON_A_PAGE), (root_of_events, 0)])
def test_a_damaged_page_costs_no_more_than_what_lay_on_it(
    process: Callable[..., Process],
    subscribers: Subscribers,
    page: Callable[[bytes], int],
    most: int,
) -> None:
    broker = process()
    ids = fill(broker)
    damage(broker, page)

    lost = the_rest_arrives(broker, subscribers, ids, 30)

    assert len(lost) <= most
    assert "the broker's log was damaged" in broker.said()


@pytest.mark.case("T1", "a broker that retries a failed read for ever is caught")
def test_a_broker_that_reads_a_damaged_page_for_ever_is_caught(
    process: Callable[..., Process], subscribers: Subscribers
) -> None:
    broker = process("--mutant", "reads_a_damaged_page_for_ever")
    ids = fill(broker)
    damage(broker, page_of_event)

    with pytest.raises(AssertionError, match=r"events are lost|the broker did not start"):
        the_rest_arrives(broker, subscribers, ids, 6)


def no_changed_event_arrives(broker: Process, subscribers: Subscribers) -> None:
    """Change a byte of one event in the log.

    Raises:
        AssertionError: it was delivered as it is now, or others were not.
    """
    ids = fill(broker)
    content = broker.log.read_bytes()
    at = content.rindex(b"d00100 d00100") + 2
    broker.log.write_bytes(content[:at] + b"?" + content[at + 1 :])

    lost = the_rest_arrives(broker, subscribers, ids, 30)

    changed = [body for path, _, body in subscribers.events if path == "plain" and b"?" in body]
    assert not changed, "a changed event was delivered"
    assert lost == {"d00100"}


@pytest.mark.case("T1", "a changed byte in an event")
def test_a_changed_event_is_not_delivered(process: Callable[..., Process], subscribers: Subscribers) -> None:
    no_changed_event_arrives(process(), subscribers)


@pytest.mark.case("T1", "a broker that checks nothing is caught")
def test_a_broker_that_delivers_a_changed_event_is_caught(
    process: Callable[..., Process], subscribers: Subscribers
) -> None:
    with pytest.raises(AssertionError, match="a changed event was delivered"):
        no_changed_event_arrives(process("--mutant", "delivers_what_it_cannot_check"), subscribers)
