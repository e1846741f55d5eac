"""A broker over HTTP whose log is damaged: the rest is delivered, and what is lost is said in every way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eventing import catalogue

PAGE = 4096


def damage(world: Any, body: bytes) -> None:
    """Overwrite the page on which a body begins."""
    content = world.log.read_bytes()
    page = content.index(body) // PAGE
    assert page > 0
    with world.log.open("r+b") as opened:
        opened.seek(page * PAGE)
        opened.write(b"\xa5" * PAGE)


def body_of(number: int) -> bytes:
    return f"event {number} ".encode() * 70


@pytest.mark.case("T1", "one damaged page of the events table, then a start")
@pytest.mark.parametrize("meanwhile", ["stopped", "running"])
def test_a_damaged_page_keeps_nothing_else_from_being_delivered_and_is_said(
    world: Any, until: Any, meanwhile: str, caplog: pytest.LogCaptureFixture
) -> None:
    told = world.subscriber()
    world.trigger(told, "told", filter={"attributes": {"type": "dev.kascade.deliveries.lost"}})
    away = {"retry": 100, "backoffDelay": "PT2S", "backoffPolicy": "linear"}
    world.trigger("http://127.0.0.1:9/", "one", delivery=away, filter={"attributes": {"type": "t"}})
    for number in range(200):
        assert world.send(body_of(number), id=str(number), type="t").status == 202
    until(lambda: world.metric("kascade_broker_retries_total") >= 200)
    if meanwhile == "stopped":
        world.stop()
        damage(world, body_of(120))
    else:
        call = world.engine._log.call
        world.run(call(lambda log: log.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()))
        damage(world, body_of(120))
        world.run(call(lambda log: log.execute("PRAGMA shrink_memory").fetchall()))
    subscriber = world.subscriber()
    world.trigger(subscriber, "one", filter={"attributes": {"type": "t"}})
    if meanwhile == "stopped":
        world.start()

    assert world.send(b"new", id="new", type="t").status == 202
    subscriber.wait_for(190, 20)
    until(lambda: sum(world.engine.backlog().values()) == 0, 20, lambda: str(world.engine.backlog()))
    got = {each.attribute("id") for each in subscriber.received}
    lost = 201 - len(got)
    assert "new" in got
    assert 1 <= lost <= 8
    (event,) = told.wait_for(1)
    data = catalogue.DeliveriesLost.model_validate(json.loads(event.body))
    assert (data.trigger, data.lost, event.attribute("subject")) == ("one", lost, "kascade/one")
    assert world.metric("kascade_broker_lost_deliveries_total") == lost
    assert world.metric("kascade_broker_log_rebuilt_total") == 1
    assert f"{lost} deliveries (kascade/one: {lost}) are lost" in caplog.text
    assert [each.lost for each in world.engine.damaged()] == [{"kascade/one": lost}]
