"""Runs that a real Airflow starts by an event of an asset: one for each, whatever is sent twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from support.airflow import Airflow

from pipelines.engines import RunState, RunStatus, Unavailable
from pipelines.engines.airflow import ASSET_DAG, ASSET_KEY, CUSTOM_DAG

EVENTS = "/assets/events?order_by=-timestamp&limit=1"


def test_a_run_that_several_ask_for_at_once_is_started_once_and_what_is_said_is_no_template(
    airflow_by_asset: Any, running_airflow: Airflow
) -> None:
    run = airflow_by_asset.run("succeed")
    text = str(airflow_by_asset.folder / "{{ 7 * 7 }} {{ dag_run }}")
    run = replace(run, parameters={**run.parameters, "starts": text})

    def submit(_: int) -> None:
        with suppress(Unavailable):
            airflow_by_asset.another_client().submit(run)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(submit, range(3)))

    assert airflow_by_asset.until_ended(run) == RunStatus(RunState.SUCCEEDED)
    assert airflow_by_asset.starts(run) == 1
    (asked,) = {each["extra"][ASSET_KEY] for each in running_airflow.ask("GET", EVENTS)["asset_events"]}
    assert asked == run.run_id


def test_what_cannot_be_told_while_a_run_waits_for_its_start_is_told_later(
    airflow_by_asset: Any, running_airflow: Airflow
) -> None:
    run = airflow_by_asset.run("succeed")
    airflow_by_asset.engine.submit(run)
    airflow_by_asset.until_ended(run)
    listed = running_airflow.ask("GET", EVENTS)["asset_events"]
    (made,) = listed[0]["created_dagruns"]

    with running_airflow.paused(ASSET_DAG):
        # As a person does who has it run again: it waits for its start.
        path = f"/dags/{ASSET_DAG}/dagRuns/{made['run_id']}/clear"
        running_airflow.ask("POST", path, {"dry_run": False})
        with pytest.raises(Unavailable, match="answered 500: so it does while"):
            airflow_by_asset.engine.status("nobody")
        with pytest.raises(Unavailable, match="answered 500: so it does while"):
            airflow_by_asset.engine.cancel("nobody")
        with pytest.raises(Unavailable, match="has the DAG kascade_asset paused: unpause it"):
            airflow_by_asset.engine.submit(airflow_by_asset.run("succeed"))
        assert airflow_by_asset.engine.status(run.run_id).state is RunState.SUCCEEDED

    airflow_by_asset.until(run, lambda _: ended(running_airflow, made["run_id"]))
    assert airflow_by_asset.engine.status("nobody").state is RunState.UNKNOWN
    assert airflow_by_asset.starts(run) == 1, "what was asked for again is there already"


def test_a_run_that_is_cancelled_before_it_is_there_is_cancelled_when_it_is(
    airflow_by_asset: Any, running_airflow: Airflow
) -> None:
    run = airflow_by_asset.run("go on")

    with running_airflow.paused(CUSTOM_DAG):
        airflow_by_asset.engine.submit(run)
        with pytest.raises(Unavailable):
            airflow_by_asset.engine.cancel(run.run_id)
        airflow_by_asset.until(run, lambda _: cancelled(airflow_by_asset, run.run_id))

    assert airflow_by_asset.engine.status(run.run_id).state is RunState.FAILED
    assert airflow_by_asset.starts(run) == 0


def cancelled(subject: Any, run_id: str) -> bool:
    """Cancel a run; return whether Airflow knew it by then."""
    try:
        subject.engine.cancel(run_id)
    except Unavailable:
        return False
    return True


def ended(airflow: Airflow, run_id: str) -> bool:
    """Whether a run of `kascade_asset` has come to its end."""
    return airflow.ask("GET", f"/dags/{ASSET_DAG}/dagRuns/{run_id}")["state"] in ("success", "failed")
