"""Variables are read with their types, and all that is wrong is said at once, with what is expected."""

from __future__ import annotations

from datetime import timedelta

import pytest

from eventing.environment import SettingsError, Variables


def test_what_is_set_is_read_and_what_is_not_has_its_default() -> None:
    read = Variables({"COUNT": "7", "PAUSE_S": "0.5", "ON": "True", "NAME": "churn", "EMPTY": ""})

    found = (
        read.number("COUNT", 1, 1, 10),
        read.number("EMPTY", 3, 1, 10),
        read.seconds("PAUSE_S", 1.0),
        read.duration("OTHER_S", 60),
        read.flag("ON"),
        read.flag("OFF"),
        read.text("NAME", "[a-z]+", "a name"),
        read.text("OTHER", "[a-z]+", "a name", ""),
        read.get("EMPTY", "else"),
    )

    assert read.checked(found) == (7, 3, 0.5, timedelta(minutes=1), True, False, "churn", "", "else")


def test_everything_wrong_is_said_at_once_with_what_is_expected() -> None:
    read = Variables({"COUNT": "-1", "PAUSE_S": "nan", "LONG_S": "1e12", "ON": "maybe", "NAME": "Not it"})
    read.database_url()
    read.number("COUNT", 1, 1, 10)
    read.number("NEEDED", None, 1, 10)
    read.seconds("PAUSE_S", 1.0)
    read.duration("LONG_S", 1.0)
    read.flag("ON")
    read.text("NAME", "[a-z]+", "a name")
    read.wrong("THIS is wrong: do that")

    with pytest.raises(SettingsError) as caught:
        read.checked(None)

    assert caught.value.problems == (
        "DATABASE_URL is not set: expected sqlite:///path or postgresql+psycopg://…",
        "COUNT is '-1': expected a whole number from 1 to 10",
        "NEEDED is not set: expected a whole number from 1 to 10",
        "PAUSE_S is 'nan': expected seconds from 0.001 to 1e+09",
        "LONG_S is '1e12': expected seconds from 0.001 to 1e+09",
        "ON is 'maybe': expected true or false",
        "NAME is 'Not it': expected a name",
        "THIS is wrong: do that",
    )
