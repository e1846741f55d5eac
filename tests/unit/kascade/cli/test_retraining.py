"""A training is asked for and followed to its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from eventing import catalogue as c
from eventing.event import Event, answer

if TYPE_CHECKING:
    from conftest import Desk


def reply(type_: str, subject: str, data: dict[str, Any]) -> Callable[[Event], list[Event]]:
    return lambda event: [answer(event, type_, "/kascade/test", subject, data)]


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        ({"rule": "dedupe", "refused": True, "message": "same data"}, 1, "refused by the rule dedupe: same"),
        (
            {"rule": "single-flight", "refused": False, "message": "busy", "until": "2026-01-02T03:04:05Z"},
            0,
            "it waits until 2026-01-0",
        ),
    ],
)
def test_the_governors_answer_to_a_person_is_shown(
    desk: Desk, data: dict[str, Any], code: int, words: str
) -> None:
    desk.answer = reply(c.TrainingDeferred.type, "churn", {"model": "churn", "reason": "manual", **data})
    done = desk.type("retrain", "churn")
    assert (done.exit_code, words in done.stdout) == (code, True)


TRAINED = {"model": "churn", "version": 4}


@pytest.mark.parametrize(
    ("type_", "data", "code", "words"),
    [
        (c.ModelApproved.type, {"approved_by": "offline gate"}, 0, "v4 is trained, and approved by offline"),
        (
            c.ModelRejected.type,
            {"rejected_by": "offline gate", "message": "min: too bad"},
            1,
            "rejected by offline gate: min: too bad; `kascade approve churn 4`",
        ),
        (
            c.TrainingFailed.type,
            {"run_id": "r", "step": "check", "error": "one class", "fix": "drop another"},
            1,
            "the training of v4 failed: one class; drop another",
        ),
    ],
)
def test_a_run_is_followed_to_the_gates_verdict(
    desk: Desk, type_: str, data: dict[str, Any], code: int, words: str
) -> None:
    run = {"run_id": "churn-v4-1", "reason": "manual", "rule": "manual"}
    desk.answer = lambda event: [
        answer(event, c.TrainingApproved.type, "/g", "churn/v4", TRAINED | run),
        answer(event, type_, "/g", "churn/v4", TRAINED | data),
    ]
    done = desk.type("retrain", "churn")
    assert done.exit_code == code, done.output
    assert "v4, because of manual (manual)" in done.stdout
    assert words in done.stdout


def test_a_person_may_force_a_training(desk: Desk) -> None:
    desk.type("retrain", "churn", "--force", "--no-wait")
    assert desk.sent[0].data["force"] is True


def test_how_it_ended_comes_out_as_one_line_of_json(desk: Desk) -> None:
    desk.answer = reply(c.ModelApproved.type, "churn/v4", TRAINED | {"approved_by": "offline gate"})
    done = desk.type("retrain", "churn", "--json")
    told = {"id": desk.sent[0].id, "ok": True, "message": "v4 is trained, and approved by offline gate"}
    assert (done.exit_code, json.loads(done.stdout)) == (0, told)
    sent = desk.type("pause", "churn", "--no-wait", "--json")
    assert json.loads(sent.stdout) == {"id": desk.sent[1].id}
