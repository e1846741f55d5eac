"""`kill -9` of the broker under load: no accepted event is lost to any of four kinds of Trigger.

The load without a kill is for any broker.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest
from faults.subscribers import REPLIED, Subscribers, wait_until
from faults.targets import Manifest, Process, Producer, Target, trigger

pytestmark = pytest.mark.slow
OWN_PROCESS = "it kills the process"

POLICY = {"retry": 50, "backoffDelay": "PT0.1S", "backoffPolicy": "linear"}


def four_kinds(subscribers: Subscribers) -> list[Manifest]:
    """Return a plain Trigger, one whose subscriber fails at first, one that replies, one that refuses."""
    url = subscribers.url
    return [
        trigger("plain", url("plain"), **POLICY),
        trigger("failing", url("failing"), **POLICY),
        trigger("replying", url("replying"), **POLICY),
        trigger("replied", url("replied"), REPLIED, **POLICY),
        trigger("refusing", url("refusing"), deadLetterSink={"uri": url("dead")}, **POLICY),
    ]


def missing(subscribers: Subscribers, accepted: set[str]) -> dict[str, set[str]]:
    """Return the accepted events that have not arrived, by the kind of Trigger."""
    arrived = {
        "plain": subscribers.ids("plain"),
        "failing": subscribers.ids("failing"),
        "replying": {id_.removesuffix("-reply") for id_ in subscribers.ids("replied")},
        "dead-lettering": subscribers.ids("dead"),
    }
    return {kind: lost for kind, ids in arrived.items() if (lost := accepted - ids)}


def survive_kills(broker: Process, subscribers: Subscribers, rounds: int, deadline_s: float = 30.0) -> int:
    """Kill a broker under load, over and over; return how many events it accepted.

    Raises:
        AssertionError: accepted events did not arrive.
    """
    chance, accepted = random.Random(1), set[str]()
    for round_ in range(rounds):
        broker.subscribe(four_kinds(subscribers))
        producer = under_load(broker, f"r{round_}")
        time.sleep(0.3 * chance.random())
        broker.end()
        accepted |= set(producer.stop())
    broker.subscribe(four_kinds(subscribers))
    all_arrive(subscribers, accepted, deadline_s)
    return len(accepted)


def under_load(broker: Target, prefix: str) -> Producer:
    """Return a producer that goes on sending, after the broker has accepted forty of its events."""
    producer = Producer(broker.url, prefix)
    producer.start()
    wait_until(lambda: len(producer.accepted) >= 40, 30, lambda: "the broker takes no events")
    return producer


def all_arrive(subscribers: Subscribers, accepted: set[str], deadline_s: float) -> None:
    """Wait until each kind of Trigger has got every accepted event.

    Raises:
        AssertionError: accepted events did not arrive.
    """
    wait_until(
        lambda: not missing(subscribers, accepted),
        deadline_s,
        lambda: (
            f"of {len(accepted)} accepted events were lost: "
            + str({kind: len(lost) for kind, lost in missing(subscribers, accepted).items()})
        ),
    )


def test_every_kind_of_trigger_gets_what_is_accepted_under_load(
    target: Target, subscribers: Subscribers
) -> None:
    target.subscribe(four_kinds(subscribers))
    producer = under_load(target, "all")

    accepted = producer.stop()

    assert producer.refused == []
    all_arrive(subscribers, set(accepted), 60)


@pytest.mark.case("T9", "four kinds of Trigger")
def test_no_accepted_event_is_lost_to_any_kind_of_trigger(
    process: Callable[..., Process], subscribers: Subscribers, rounds: int
) -> None:
    assert survive_kills(process(), subscribers, rounds, 60) >= 40 * rounds


@pytest.mark.case("T9", "a broker that answers before it stores is caught, and three others")
@pytest.mark.parametrize(
    ("mutant", "kind"),
    [
        ("answers_before_it_stores", "plain"),
        ("retries_from_memory", "failing"),
        ("publishes_replies_after_it_settles", "replying"),
        ("dead_letters_from_memory", "dead-lettering"),
    ],
)
def test_a_broker_that_loses_events_is_caught(
    process: Callable[..., Process], subscribers: Subscribers, mutant: str, kind: str
) -> None:
    broker = process("--mutant", mutant)

    with pytest.raises(AssertionError, match=f"were lost: .*'{kind}'"):
        survive_kills(broker, subscribers, 2, 4)
