"""The job's settings and its event file."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.training import approve

from eventing.catalogue import Claim, TrainingApproved, TrainingRequested
from eventing.codec import to_structured
from eventing.environment import SettingsError
from eventing.errors import InvalidEvent
from eventing.testing import build_event
from functions.run_training.event_file import read_event
from functions.run_training.settings import Settings
from pipelines.request import RunRequest

CLAIM = Claim(uri="s3://b/k", sha256="a" * 64)
REQUEST = RunRequest("churn", 2, "run-2", CLAIM, CLAIM, CLAIM, "s3://models/churn/v2", 4)
ENOUGH = {"K_EVENT_PATH": "/etc/jobsink-event", "K_SINK": "http://broker/kascade/default"}


def test_every_wrong_variable_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"K_SINK": "broker", "ALLOW_CUSTOM_PIPELINES": "maybe", "MAX_ATTEMPTS": "0"})
    for name in ("K_EVENT_PATH", "K_SINK", "ALLOW_CUSTOM_PIPELINES", "MAX_ATTEMPTS"):
        assert name in str(caught.value)


def test_custom_pipelines_are_off_unless_switched_on() -> None:
    assert not Settings.from_env(ENOUGH).allow_code
    assert Settings.from_env({**ENOUGH, "ALLOW_CUSTOM_PIPELINES": "True"}).allow_code


@pytest.mark.parametrize("as_folder", [True, False])
def test_the_event_is_a_file_or_the_file_event_of_a_folder(tmp_path: Path, as_folder: bool) -> None:
    sent = build_event(TrainingApproved.type, approve(REQUEST))
    (tmp_path / "event").write_bytes(to_structured(sent)[1])
    event, payload = read_event(tmp_path if as_folder else tmp_path / "event")
    assert event.id == sent.id
    assert RunRequest.of(payload) == REQUEST


def test_what_is_no_approved_training_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(InvalidEvent, match="cannot be read"):
        read_event(tmp_path)
    file = tmp_path / "event"
    file.write_bytes(to_structured(build_event(TrainingRequested.type, {"model": "churn"}))[1])
    with pytest.raises(InvalidEvent, match="this job handles"):
        read_event(tmp_path)
    file.write_bytes(to_structured(build_event(TrainingApproved.type, {"model": "churn"}))[1])
    with pytest.raises(InvalidEvent, match="run_id"):
        read_event(tmp_path)
