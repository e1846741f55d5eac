"""A broker whose subscribers cannot keep up: bounded memory, nothing lost, nothing twice without need."""

from __future__ import annotations

from typing import Any

import pytest

from knative.local.broker.pages import Item


def ids(received: list[Any]) -> list[int]:
    return sorted(int(each.attribute("id")) for each in received)


def test_a_backlog_longer_than_memory_is_delivered_whole_and_once(world: Any, answer: Any) -> None:
    world.stop()
    subscriber = world.subscriber(answer(204, after_s=0.002))
    world.trigger(subscriber)
    world.start(page_events=8, concurrency=2)

    for number in range(200):
        world.send(id=str(number))

    assert ids(subscriber.wait_for(200)) == list(range(200))
    assert len(subscriber.received) == 200


def test_a_lane_holds_no_more_than_its_pages_whatever_the_backlog(
    world: Any, answer: Any, until: Any
) -> None:
    world.stop()
    world.trigger(world.subscriber(answer(204, after_s=30)))
    world.start(page_events=8, page_bytes=3_000, concurrency=2, drain_s=0.1)

    for number in range(50):
        world.send(b"x" * 1_000, id=str(number))

    lane = next(iter(world.engine._triggers.values())).lane
    until(lambda: world.engine.backlog()["kascade", "all", "subscriber"] == 50)
    assert all(isinstance(item, Item) for item in lane._queue)
    assert len(lane._queue) <= 8
    assert sum(len(item.record.body) for item in lane._queue) <= 4_000


def test_what_waits_at_a_stop_is_delivered_after_the_next_start(world: Any, answer: Any) -> None:
    world.trigger(
        "http://127.0.0.1:9/", delivery={"retry": 100, "backoffDelay": "PT0.2S", "backoffPolicy": "linear"}
    )
    for number in range(30):
        world.send(id=str(number))
    world.stop()
    subscriber = world.subscriber()
    world.trigger(subscriber, delivery={"retry": 1})

    world.start()

    assert ids(subscriber.wait_for(30)) == list(range(30))


def test_attempts_made_before_a_restart_count_after_it(world: Any, answer: Any, until: Any) -> None:
    subscriber, sink = world.subscriber(answer(500)), world.subscriber()
    sinks = {"deadLetterSink": {"uri": sink.url}}
    world.trigger(
        subscriber, delivery={"retry": 2, "backoffDelay": "PT0.3S", "backoffPolicy": "linear", **sinks}
    )
    world.send()
    subscriber.wait_for(2)
    until(lambda: world.metric("kascade_broker_retries_total") == 2)
    world.stop()

    world.start()

    sink.wait_for(1)
    assert len(subscriber.received) == 3


def test_a_stop_waits_for_deliveries_under_way(world: Any, answer: Any) -> None:
    subscriber = world.subscriber(answer(204, after_s=0.5))
    world.trigger(subscriber)
    world.send()
    subscriber.wait_for(1)

    world.stop()
    world.start()

    assert world.engine.backlog()["kascade", "all", "subscriber"] == 0
    assert len(subscriber.received) == 1


def test_a_delivered_event_leaves_nothing_in_the_log(world: Any, answer: Any, until: Any) -> None:
    one, two = world.subscriber(), world.subscriber(answer(400))
    sink = world.subscriber()
    world.trigger(one, "one")
    world.trigger(two, "two", delivery={"deadLetterSink": {"uri": sink.url}})
    for number in range(20):
        world.send(id=str(number))
    one.wait_for(20)
    sink.wait_for(20)
    until(lambda: sum(world.engine.backlog().values()) == 0)

    counts = [
        world.run(
            world.engine._log.call(
                lambda log, table=table: log.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            )
        )
        for table in ("events", "deliveries", "parked")
    ]

    assert counts == [0, 0, 0]


def test_the_file_shrinks_after_a_backlog_has_drained(world: Any, answer: Any, until: Any) -> None:
    world.trigger("http://127.0.0.1:9/", delivery={"retry": 100, "backoffDelay": "PT60S"})
    for number in range(40):
        world.send(b"x" * 1_000_000, id=str(number))
    until(lambda: world.log.stat().st_size > 30_000_000)
    world.run(world.engine.remove_trigger("kascade", "all"))
    world.triggers = []

    until(lambda: world.log.stat().st_size < 15_000_000, 20)


def test_removing_a_trigger_drops_only_what_waits_for_it(world: Any, answer: Any, until: Any) -> None:
    kept = world.subscriber(answer(503), answer(204))
    world.trigger("http://127.0.0.1:9/", "gone", delivery={"retry": 100, "backoffDelay": "PT60S"})
    world.trigger(kept, "kept", delivery={"retry": 1, "backoffDelay": "PT0.3S"})
    world.send(b"shared")
    kept.wait_for(1)

    world.run(world.engine.remove_trigger("kascade", "gone"))

    assert kept.wait_for(2)[1].body == b"shared"
    assert world.send(id="2").status == 202
    kept.wait_for(3)


def test_what_waits_for_a_trigger_that_is_gone_can_be_seen_and_dropped(world: Any) -> None:
    world.trigger("http://127.0.0.1:9/", "gone", delivery={"retry": 100, "backoffDelay": "PT60S"})
    world.trigger("http://127.0.0.1:9/", "kept", delivery={"retry": 100, "backoffDelay": "PT60S"})
    for number in range(3):
        world.send(id=str(number))
    world.stop()
    kept = [trigger for trigger in world.triggers if trigger.name == "kept"]
    world.triggers = kept
    world.start()

    assert world.engine.leftovers() == {"kascade/gone": 3}
    world.trigger("http://127.0.0.1:9/", "gone")
    world.run(world.engine.remove_trigger("kascade", "gone"))
    world.triggers = kept

    world.stop()
    world.start()
    assert world.engine.leftovers() == {}
    assert world.engine.backlog()["kascade", "kept", "subscriber"] == 3


def test_81_a_trigger_can_come_before_its_broker_and_change_while_events_flow(world: Any) -> None:
    first, second = world.subscriber(), world.subscriber()
    world.trigger(first, "early", broker="later")
    assert world.request(path="/kascade/later").status == 404
    world.broker("later")
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}

    assert world.request(path="/kascade/later", headers=headers).status == 202
    first.wait_for(1)
    world.trigger(second, "early", broker="later")
    assert world.request(path="/kascade/later", headers=headers).status == 202

    second.wait_for(1)
    assert len(first.received) == 1


def test_81_the_broker_of_a_trigger_is_immutable(world: Any) -> None:
    world.trigger("http://127.0.0.1:9/", "fixed")

    with pytest.raises(ValueError, match="immutable"):
        world.trigger("http://127.0.0.1:9/", "fixed", broker="other")


def test_85_what_the_broker_counts_can_be_scraped(world: Any, answer: Any, until: Any) -> None:
    sink = world.subscriber()
    delivery = {"retry": 1, "deadLetterSink": {"uri": sink.url}}
    world.trigger(world.subscriber(), "good")
    world.trigger(world.subscriber(answer(500)), "bad", delivery=delivery)

    world.send()
    world.send(id="")

    expected = {
        "kascade_broker_events_accepted_total": 1,
        "kascade_broker_events_malformed_total": 1,
        "kascade_broker_deliveries_total": 1,
        "kascade_broker_failed_attempts_total": 2,
        "kascade_broker_retries_total": 1,
        "kascade_broker_dead_lettered_total": 1,
        "kascade_broker_backlog": 0,
    }
    until(lambda: {name: world.metric(name) for name in expected} == expected)
