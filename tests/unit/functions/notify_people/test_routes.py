"""A file of routes is read, or every problem in it is told with its place and its fix."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from eventing.environment import SettingsError
from functions.notify_people.occasions import Severity
from functions.notify_people.routes import RoutesError, parse_routes
from functions.notify_people.settings import Settings, signing_key

FILE = """\
quiet: 30m
severities: {drift.detected: warning, dataset.rejected: off}
routes:
  - name: team
    slack: {url_env: SLACK_URL}
    models: [churn, "fraud-*"]
  - name: pager
    webhook: {url_env: PAGER_URL, secret_env: PAGER_SECRET}
    severity: critical
    quiet: 5m
  - name: mail
    severity: info
    mail:
      host: mail.example.com
      from: kascade@example.com
      to: [ann@example.com]
      username: kascade
      password_env: MAIL_PASSWORD
"""
SECRETS = {
    "SLACK_URL": "https://hooks.example.com/services/T/B/X\n",
    "PAGER_URL": "http://127.0.0.1:1/",
    "PAGER_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "MAIL_PASSWORD": "hunter2",
}


def problems(text: str) -> list[str]:
    with pytest.raises(RoutesError) as error:
        parse_routes(text.encode())
    return error.value.problems


def test_a_file_says_who_is_told_of_what_and_which_variables_hold_secrets() -> None:
    routes = parse_routes(FILE.encode())

    assert [each.name for each in routes.routes] == ["team", "pager", "mail"]
    assert [each.severity for each in routes.routes] == [Severity.WARNING, Severity.CRITICAL, Severity.INFO]
    assert routes.quiet == timedelta(minutes=30)
    assert routes.severities == {"drift.detected": "warning", "dataset.rejected": "off"}
    assert routes.variables() == list(SECRETS)


def test_the_file_in_the_documentation_is_one() -> None:
    page = (Path(__file__).parents[4] / "docs" / "how-to" / "notify.md").read_text()
    routes = parse_routes(page.partition("```yaml\n")[2].partition("```")[0].encode())
    assert [each.name for each in routes.routes] == ["team", "on-call", "owners"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["notify.yaml: expected a mapping; write `routes:` and a list below it"]),
        ("routes: []", ["routes (line 1, column 1): expected at least one"]),
        ("a: *b", ["notify.yaml (line 1, column 4): an alias (*b) (fix: write the value out in full)"]),
        (
            "routs: [{name: a}]",
            [
                "notify.yaml (line 1, column 1): the key `routes` is missing",
                "routs (line 1, column 1): unknown key `routs`; did you mean 'routes'?",
            ],
        ),
        (
            "routes: [{name: a, slakc: {url_env: U}}]",
            ["routes[0].slakc (line 1, column 20): unknown key `slakc`; did you mean 'slack'?"],
        ),
        (
            "routes: [{name: a, slack: {url: https://secret}}]",
            [
                "the key `url_env` is missing",
                "routes[0].slack.url (line 1, column 28): unknown key `url`; did you mean 'url_env'?",
            ],
        ),
        (
            "routes: [{name: a, slack: {url_env: U}, severity: critcal}]",
            ["routes[0].severity (line 1, column 41): not known; did you mean 'critical'?"],
        ),
        (
            "{routes: [{name: a, slack: {url_env: U}}], severities: {trainin.failed: info}}",
            ["severities.trainin.failed (line 1, column 57): not known; did you mean 'training.failed'?"],
        ),
        (
            "{routes: [{name: a, slack: {url_env: U}}], severities: {training.failed: loud}}",
            ["severities.training.failed (line 1, column 57): Input should be 'info', 'warning'"],
        ),
        (
            "routes: [{name: a}]",
            ["routes[0] (line 1, column 10): expected exactly one of slack, webhook and mail"],
        ),
        (
            "routes: [{name: a, slack: {url_env: U}}, {name: a, slack: {url_env: U}}]",
            ["notify.yaml (line 1, column 1): expected names that differ: a stands twice"],
        ),
        (
            "{quiet: 1, routes: [{name: A, slack: {url_env: 'U-1'}}]}",
            [
                "routes[0].name (line 1, column 22): expected text of the form",
                "routes[0].slack.url_env (line 1, column 39): expected text of the form",
                "quiet (line 1, column 2): expected a duration with a unit",
            ],
        ),
        ("{quiet: 31d, routes: [{name: a, slack: {url_env: U}}]}", ["expected quiet of at most 30d"]),
        (
            "routes: [{name: a, mail: {host: h, from: a@b, to: ['a@b\\nBcc: c@d'], username: u}}]",
            ["routes[0].mail.to[0] (line 1, column 52): expected text of the form"],
        ),
        (
            "routes: [{name: a, mail: {host: h, from: a@b, to: [a@b], username: u}}]",
            ["routes[0].mail (line 1, column 20): expected username and password_env together, or neither"],
        ),
        (
            "routes: [{name: a, mail: {host: h, from: a@b, to: [a@b], username: u, password_env: P, "
            "security: none}}]",
            ["expected security: starttls or tls where a password is sent"],
        ),
    ],
)
def test_every_problem_is_told_with_its_place_and_its_fix(text: str, told: list[str]) -> None:
    found = problems(text)

    assert len(found) == len(told), found
    for each, part in zip(found, told, strict=True):
        assert part in each


def test_the_settings_hold_the_secrets_and_do_not_show_them() -> None:
    settings = Settings.from_env({"NOTIFY_ROUTES": FILE, "DATABASE_URL": "sqlite://", **SECRETS})

    assert settings.secrets["SLACK_URL"] == "https://hooks.example.com/services/T/B/X"
    assert "hunter2" not in repr(settings)


def test_every_variable_that_is_missing_or_wrong_is_named_and_no_value_is() -> None:
    wrong = {"SLACK_URL": "hooks.example.com/T/B/X", "PAGER_SECRET": "whsec_c2hvcnQ="}
    with pytest.raises(SettingsError) as error:
        Settings.from_env({"NOTIFY_ROUTES": FILE, "CONSOLE_URL": "nowhere", **wrong})

    assert error.value.problems == (
        "CONSOLE_URL is 'nowhere': expected the http address of the console",
        "DATABASE_URL is not set: expected sqlite:///path or postgresql+psycopg://…",
        "SLACK_URL, which the route team names, is not what it should be: expected an http or https address",
        "PAGER_URL, which the route pager names, is not set: expected an http or https address",
        "PAGER_SECRET, which the route pager names, is not what it should be: "
        "expected whsec_ and the base64 of 24 to 64 random bytes",
        "MAIL_PASSWORD, which the route mail names, is not set: expected a password",
    )


def test_without_a_file_the_settings_ask_for_one() -> None:
    with pytest.raises(SettingsError, match="NOTIFY_ROUTES is not set"):
        Settings.from_env({"DATABASE_URL": "sqlite://"})
    with pytest.raises(SettingsError, match=r"NOTIFY_ROUTES: notify\.yaml .*: the key `routes` is missing"):
        Settings.from_env({"DATABASE_URL": "sqlite://", "NOTIFY_ROUTES": "quiet: 1h"})


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_***", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_a_secret_that_signs_nothing_safely_is_none(secret: str) -> None:
    assert signing_key(secret) is None
