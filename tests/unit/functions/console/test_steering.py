"""What each button sends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from eventing import catalogue as c
from functions.console.steering import BadRequest, event_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "type_", "subject"),
    [
        ({"action": "retrain", "by": "ann"}, c.TrainingRequested.type, "churn"),
        ({"action": "pause"}, c.RolloutRequested.type, "churn"),
        ({"action": "promote", "version": "3"}, c.RolloutRequested.type, "churn"),
        ({"action": "approve", "version": "3", "by": "ann"}, c.ModelApproved.type, "churn/v3"),
        ({"action": "reject", "version": "3", "comment": "not now"}, c.ModelRejected.type, "churn/v3"),
    ],
)
def test_a_button_sends_what_the_command_line_sends(form: dict[str, str], type_: str, subject: str) -> None:
    event = event_of("churn", form, NOON)

    assert (event.type, event.subject, event.source) == (type_, subject, "/kascade/console")
    c.PAYLOADS[type_].model_validate(event.data)


def test_who_asks_is_in_the_event() -> None:
    assert event_of("churn", {"action": "retrain", "by": " ann "}, NOON).data["requested_by"] == "ann"
    assert event_of("churn", {"action": "retrain"}, NOON).data["requested_by"] == "console"


@pytest.mark.parametrize("form", [{}, {"action": "delete"}, {"action": "approve"}])
def test_what_there_is_not_is_refused(form: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        event_of("churn", form, NOON)


def test_a_model_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(ValidationError):
        event_of("No Model!", {"action": "retrain"}, NOON)
