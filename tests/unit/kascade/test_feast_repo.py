"""Views of a Feast that is there already become `features:` of a model.yaml that can be dropped."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kascade import feast_repo
from kascade.feast_repo import RepoUnreadable, as_model_yaml, described
from pipelines.features.of_spec import own_views
from pipelines.spec import check_rules, parse_spec

VIEW: dict[str, Any] = {
    "name": "driver_hourly",
    "path": "s3://lake/drivers.parquet",
    "entity": ["driver_id"],
    "timestamp": "event time",
    "ttl_s": 86400.0,
    "fields": ["conv_rate", "Fahrten"],
    "created": None,
}


def test_a_view_becomes_one_with_its_path_entity_time_and_ttl() -> None:
    other = {**VIEW, "name": "Driver-Stats 2", "path": "s3://lake/stats/", "ttl_s": None, "created": "made"}
    text = as_model_yaml({"project": "drivers", "views": [VIEW, {**other, "fields": ["acc"]}]})
    first, second = own_views(parse_spec(f"target: late\n{text}".encode(), model="late"))
    assert (first.name, first.path, first.ttl) == (
        "driver_hourly",
        "s3://lake/drivers.parquet",
        timedelta(days=1),
    )
    assert (first.entity, first.timestamp, first.fields) == (
        ("driver_id",),
        "event time",
        ("conv_rate", "Fahrten"),
    )
    assert (second.name, second.path, second.ttl) == ("driver_stats_2", "s3://lake/stats/*.parquet", None)
    assert "'made' is not read" in text


def test_what_cannot_be_a_view_is_named_with_the_reason() -> None:
    text = as_model_yaml(
        {"project": "p", "views": [{"name": "big", "problem": "its source is a BigQuerySource"}]}
    )
    assert text.splitlines() == [
        "# from the Feast project p: it has no view that can be one of model.yaml",
        "# left out: big, its source is a BigQuerySource",
    ]


def test_a_name_that_stands_in_two_views_is_taken_once_and_the_other_one_named() -> None:
    daily = {**VIEW, "name": "daily", "fields": ["conv_rate", "km"]}
    same = {**VIEW, "name": "same", "fields": ["conv_rate"]}
    spelled = {**VIEW, "name": "Daily", "fields": ["other"]}
    text = as_model_yaml({"project": "drivers", "views": [VIEW, daily, same, spelled]})
    spec = parse_spec(f"target: late\n{text}".encode(), model="late", checks=[check_rules])
    assert [(view.name, view.fields) for view in own_views(spec)] == [
        ("driver_hourly", ("conv_rate", "Fahrten")),
        ("daily", ("km",)),
    ]
    assert [line for line in text.splitlines() if "left out" in line] == [
        "# left out of daily: conv_rate, which driver_hourly has too",
        "# left out: same, it has no features that no earlier view has",
        "# left out: Daily, an earlier view is daily too",
    ]


def test_what_feast_says_against_a_repository_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text(
        "#!/bin/sh\necho 'Traceback' >&2\necho 'FileNotFoundError: no such registry' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv(feast_repo.VARIABLE, str(program))
    with pytest.raises(RepoUnreadable, match=r"repo.yaml: FileNotFoundError: no such registry"):
        described("repo.yaml")
