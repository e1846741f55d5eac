"""Whatever the ledger holds is shown: no event ends the list it is in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from support.payloads import ANY, TEXTS, TIMES, payloads

from eventing.catalogue import PAYLOADS
from kascade.cli.explaining import story
from kascade.rendering.event_line import event_line
from kascade.rendering.rows import explained_rows

FAR = "9999-12-31T23:59:59-23:59"
EACH = st.sampled_from(sorted(PAYLOADS))


def stored(type_: str, data: Any, time: str, subject: str) -> dict[str, Any]:
    return {"id": "1", "source": "/x", "type": type_, "time": time, "subject": subject, "data": data}


def show(event: dict[str, Any]) -> None:
    console = Console(file=None, force_terminal=False, quiet=True, emoji=False)
    console.print(event_line(event))
    node = {"event": event, "effects": []}
    console.print(story({"reference": "churn/v1", "chain": [node]}))


@pytest.mark.case("S4", "an event that is stored already")
@pytest.mark.parametrize("time", [FAR, "0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00Z", "nonsense", ""])
@pytest.mark.parametrize("type_", sorted(PAYLOADS))
def test_an_event_of_no_possible_time_is_shown(type_: str, time: str) -> None:
    far = dict.fromkeys(("time", "until", "through", "due", "first", "last"), time)
    show(stored(type_, far, time, "churn"))


@pytest.mark.case("S4", "whatever a stored event holds")
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(EACH, ANY, st.sampled_from(TIMES), st.sampled_from(TEXTS))
def test_an_event_with_any_data_is_shown(type_: str, data: Any, time: str, subject: str) -> None:
    show(stored(type_, data, time, subject))


@pytest.mark.case("S4", "payloads that their schemas allow")
@pytest.mark.parametrize("type_", sorted(PAYLOADS))
def test_an_event_whose_payload_its_schema_allows_is_shown(type_: str) -> None:
    schema = PAYLOADS[type_].model_json_schema(mode="validation")

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(payloads(schema, {}))
    def shown(data: Any) -> None:
        show(stored(type_, data, "2026-03-01T12:00:00Z", "churn/v1"))
        list(explained_rows([{"event": stored(type_, data, FAR, "churn"), "effects": []}]))

    shown()
