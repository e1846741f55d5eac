"""What people are told of an event, in which words, and what is the same problem."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from eventing import catalogue as c
from eventing.testing import NOON, build_event
from functions.notify_people.app import ACCEPTS
from functions.notify_people.logic import Notification, describe, is_own_failure, is_quiet, one_line, wants
from functions.notify_people.occasions import OCCASIONS, Severity
from functions.notify_people.routes import parse_routes
from kascade.scaffold.examples import example_of

README = Path(__file__).parents[4] / "functions" / "notify_people" / "README.md"
CONSOLE = "https://kascade.example.com"


def notification(type_: type[c.Payload], console: str = CONSOLE, **fields: Any) -> Notification:
    payload = type_.model_validate({**example_of(type_), **fields})
    found = describe(build_event(type_.type, payload, id_="id 1"), payload, {}, console)
    assert found is not None
    return found


def completed(**fields: Any) -> Notification:
    said = {"model": "churn", "version": 3, "outcome": "rolled_back", "message": "it loses more"}
    return notification(c.RolloutCompleted, **{**said, **fields})


def test_a_rolled_back_version_is_critical_and_says_why_and_where_to_look() -> None:
    found = completed(url="http://churn.example.com")

    assert found.heading == "CRITICAL churn: a version was rolled back"
    assert found.lines == ("v3 rolled_back: http://churn.example.com", "it loses more")
    assert found.link == "https://kascade.example.com/models/churn"
    assert found.origin == "event rollout.completed id 1, 2026-11-23T12:00:00+00:00"


def test_without_the_consoles_address_there_is_no_link() -> None:
    assert completed(console="").link == ""


def test_a_fix_is_told_where_the_event_has_one() -> None:
    failed = notification(
        c.TrainingFailed, model="churn", step="check", error="too few rows", fix="drop more"
    )
    asked = notification(c.ModelApprovalRequested, model="churn", version=4)

    assert "fix: drop more" in failed.lines
    assert "fix: kascade approve churn 4, or kascade reject churn 4" in asked.lines


def test_many_problems_of_a_file_are_cut_short() -> None:
    problems = [{"where": f"row {n}", "problem": "bad", "fix": "mend it"} for n in range(100)]
    found = notification(c.DatasetRejected, problems=problems)

    assert len(found.lines) == 8
    assert found.lines[-1] == "and 94 more"
    assert "row 0: bad; fix: mend it" in found.lines


@pytest.mark.parametrize("each", OCCASIONS, ids=lambda each: each.name)
def test_every_occasion_is_told_in_words(each: Any) -> None:
    fields: dict[str, Any] = {
        "rollout.completed": {"outcome": each.part},
        "spec.rejected": {"problems": [{"where": "target", "problem": "no such column"}]},
        "dataset.ingested": {"quarantined_rows": 3},
        "training.deferred": {"refused": True, "rule": "breaker"},
    }.get(each.payload.type.removeprefix(c.PREFIX), {})
    found = notification(each.payload, **fields)

    assert found.occasion == each.name
    assert found.severity == each.severity
    assert found.lines, "there are words for it"
    assert all(line == one_line(line) != "(incomplete payload)" for line in found.lines)


def test_what_concerns_nobody_is_told_to_nobody() -> None:
    for type_, fields in (
        (c.DatasetIngested, {"quarantined_rows": 0}),
        (c.TrainingDeferred, {"refused": True, "rule": "dataset"}),
        (c.TrainingDeferred, {"refused": False, "rule": "breaker"}),
    ):
        payload = type_.model_validate({**example_of(type_), **fields})
        assert describe(build_event(type_.type, payload), payload, {}, "") is None


def test_a_severity_can_be_another_one_or_off() -> None:
    payload = c.TrainingFailed.model_validate(example_of(c.TrainingFailed))
    event = build_event(payload.type, payload)

    louder = describe(event, payload, {"training.failed": "critical"}, "")
    assert louder is not None
    assert louder.severity is Severity.CRITICAL
    assert describe(event, payload, {"training.failed": "off"}, "") is None


def test_two_versions_rolled_back_are_two_problems_and_two_refused_files_are_one() -> None:
    assert completed(version=3).problem != completed(version=4).problem
    one, other = (notification(c.SpecRejected, model="churn", key=key) for key in ("a/m.yaml", "b/m.yaml"))
    assert one.problem == other.problem


def routes(text: str) -> Any:
    return parse_routes(f"routes: [{{name: a, slack: {{url_env: U}}, {text}}}]".encode()).routes[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("severity: info", True),
        ("severity: critical", True),
        ("models: [churn]", True),
        ("models: ['ch*']", True),
        ("models: [fraud]", False),
    ],
)
def test_a_route_tells_of_its_models(text: str, told: bool) -> None:
    assert wants(routes(text), completed()) is told


def test_a_route_is_not_told_of_what_is_less_urgent_nor_one_of_models_of_what_is_about_none() -> None:
    assert not wants(routes("severity: warning"), completed(outcome="promoted"))
    lost = notification(c.DeliveriesLost)
    assert lost.model is None
    assert lost.link == "https://kascade.example.com/why/id%201"
    assert wants(routes("severity: critical"), lost)
    assert not wants(routes("models: ['*']"), lost)


@pytest.mark.parametrize(
    ("subject", "model"), [("churn/v3", "churn"), ("churn", "churn"), (None, None), ("Über/x", None)]
)
def test_a_dead_letter_is_about_the_model_of_its_subject(subject: str | None, model: str | None) -> None:
    found = notification(c.DeliveryFailed, event_subject=subject)
    assert found.model == model
    assert found.link == "https://kascade.example.com/dead-letters"


@pytest.mark.parametrize(
    ("destination", "own"),
    [
        ("http://notify-people.kascade.svc.cluster.local/", True),
        ("http://127.0.0.1:8080/-/services/kascade/notify-people", True),
        ("http://ingest-data.kascade.svc.cluster.local", False),
        ("http://not-notify-people-x.kascade", False),
    ],
)
def test_a_dead_letter_of_its_own_is_known(destination: str, own: bool) -> None:
    payload = c.DeliveryFailed.model_validate({**example_of(c.DeliveryFailed), "destination": destination})
    assert is_own_failure(payload) is own


def test_names_cannot_bring_lines_or_turn_the_text_around() -> None:
    assert one_line("a\r\nBcc: x\u2028\u202eb\x00  c\t") == "a Bcc: x b c"
    assert one_line("x" * 1000) == "x" * 499 + "…"
    hostile = notification(c.SpecRejected, model="a\nBcc: b@c\u202e")
    assert hostile.heading == "WARNING a Bcc: b@c: a model.yaml was refused"


@pytest.mark.parametrize(("after_s", "quiet"), [(0, True), (3599, True), (3600, False), (-1, False)])
def test_a_problem_is_quiet_for_a_while_and_a_clock_set_back_does_not_prolong_it(
    after_s: int, quiet: bool
) -> None:
    assert is_quiet(NOON, NOON + timedelta(seconds=after_s), timedelta(hours=1)) is quiet


def test_the_readme_lists_every_occasion_with_its_severity() -> None:
    rows = re.findall(r"^\| `([a-z_./]+)` \| (info|warning|critical) \| (.+?) \|", README.read_text(), re.M)
    assert rows == [(each.name, each.severity, each.title) for each in OCCASIONS]


def test_each_type_of_an_occasion_is_accepted() -> None:
    assert set(ACCEPTS) == {each.payload.type for each in OCCASIONS}
