"""The variables of console."""

from __future__ import annotations

import pytest

from eventing.environment import SettingsError
from functions.console.settings import Settings


def test_every_variable_has_a_default_and_nobody_may_steer_by_default() -> None:
    settings = Settings.from_env({})

    assert settings == Settings()
    assert not settings.steering


def test_wrong_variables_are_named() -> None:
    with pytest.raises(SettingsError, match="SERVICES_URL is 'http://here'"):
        Settings.from_env({"SERVICES_URL": "http://here"})
