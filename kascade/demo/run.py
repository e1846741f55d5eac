"""Runs a demonstration in a system of its own, and ends with one line of JSON."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from types import MappingProxyType
from typing import Any

from rich.console import Console

from eventing import catalogue as c
from kascade.demo.features import FeaturesStory
from kascade.demo.in_airflow import ROLLOUT_IN_AIRFLOW_S, airflow_beside
from kascade.demo.story import MODEL, PARTS, ROLLOUT_S, Story
from kascade.reach.port import CallError
from kascade.rendering.terminal import escape
from kascade.stream.running import running_system
from kascade.system.home import Home, HomeError

STORIES = MappingProxyType({"train": 1, "rollout": 2, "drift": 3, "all": len(PARTS)})
"""How many parts each story about digits has."""
FEATURES = "features"
"""The story about features, which has data and models of its own."""

_SHOWN = {"rollout": ("promoted",), "drift": ("promoted", "drift_detected", "retrained")}
_ALL = ("promoted", "drift_detected", "retrained", "rolled_back")


def run_demo(home: Home, *, store: str, story: str, keep: bool, engine: str = "local") -> int:
    """Play a story in a state folder that is emptied first. Return 0 when every step happened.

    Args:
        engine: where trainings run: `local`, as jobs, or `airflow`.
    """
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    started = time.monotonic()
    played: Story | None = None
    features: FeaturesStory | None = None
    problem: str | None = None
    try:
        with ExitStack() as stack:
            airflow = stack.enter_context(airflow_beside()) if engine == "airflow" else None
            manifests = [airflow.manifests] if airflow else []
            running = running_system(home, store=store, console=console, fresh=True, manifests=manifests)
            system = stack.enter_context(running)
            try:
                console.print(f"the system is up, at {home.endpoints().gateway}")
                if airflow is not None:
                    with console.status("starting Airflow"):
                        console.print(f"trainings run in Airflow, at {airflow.start(home)}")
                if story == FEATURES:
                    features = FeaturesStory(home, console, started)
                    features.play()
                else:
                    patience = ROLLOUT_IN_AIRFLOW_S if airflow is not None else ROLLOUT_S
                    played = Story(home, console, started, rollout_s=patience)
                    played.play(STORIES[story])
            except (CallError, HomeError) as error:
                problem = str(error)
            seconds = time.monotonic() - started
            if story == FEATURES:
                outcome = _features_outcome(features, problem, seconds)
            else:
                outcome = _outcome(played, story, problem, seconds)
            _print(console, home, outcome, problem)
            if keep and outcome["ok"]:
                console.print("The system stays up; Ctrl-C ends it.")
                system.wait()
    except KeyboardInterrupt:
        return 130
    return 0 if outcome["ok"] else 1


def _outcome(played: Story | None, story: str, problem: str | None, seconds: float) -> dict[str, Any]:
    facts = played.facts if played else {}
    shown = {name: bool(facts.get(name)) for name in _SHOWN.get(story, _ALL if story == "all" else ())}
    events = played.ledger.events if played else []
    ingested = next((each for each in reversed(events) if each["type"] == c.DatasetIngested.type), None)
    tally = played.traffic.tally if played else None
    failed = tally.failed if tally else []
    return {
        "ok": problem is None and all(shown.values()) and not failed,
        "seconds": round(seconds, 1),
        "events": len(events),
        "dataset": ingested["data"]["dataset"]["sha256"] if ingested else None,
        "model": MODEL,
        "version": facts.get("version"),
        "prediction_id": tally.last_id if tally else None,
        "requests": tally.asked if tally else 0,
        "failed_requests": len(failed),
        **({"harm_ended_s": facts["harm_ended_s"]} if "harm_ended_s" in facts else {}),
        **shown,
    }


def _features_outcome(features: FeaturesStory | None, problem: str | None, seconds: float) -> dict[str, Any]:
    facts = features.facts if features else {}
    shown = {name: bool(facts.get(name)) for name in ("both_updated", "consistent")}
    return {
        "ok": problem is None and all(shown.values()),
        "seconds": round(seconds, 1),
        "events": features.events if features else 0,
        "failed_requests": 0,
        **facts,
        **shown,
    }


def _print(console: Console, home: Home, outcome: dict[str, Any], problem: str | None) -> None:
    if problem:
        console.print(f"[bold red]The demonstration failed:[/] {escape(problem)}")
    elif outcome["failed_requests"]:
        console.print("[bold red]The demonstration failed:[/] some requests were not answered")
    if not outcome["ok"]:
        console.print(f"What happened lies in {home.path} (logs/, runtime.log)", markup=False)
    print(json.dumps(outcome), flush=True)
