"""The command that says how a system is: its functions, its models, and what nobody took."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import typer
from rich.console import Console

from eventing.catalogue import PREFIX
from eventing.words.addresses import every_address
from eventing.words.event_words import reason_of
from eventing.words.model_status import waiting_words
from kascade.cli.options import LOOK, JsonOption, SystemOption, print_json
from kascade.cli.repair import LOG
from kascade.client import LEDGER, connect
from kascade.reach.port import CallError, is_ready, not_ready
from kascade.reach.systems import home_of, url_of
from kascade.rendering.terminal import escape
from knative.local.broker.rebuilding import reports_beside

_SHOWN = 3
MODEL_LABEL = "kascade.dev/model"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: kascade status --json", rich_help_panel=LOOK)(status)


def status(as_json: JsonOption = False, system: SystemOption = None) -> None:
    """Say how the system is: functions, models and dead letters; exit 1 if a part is not ready."""
    models, letters, problem = [], None, None
    with connect(system) as client:
        services, triggers = client.services(), client.waiting() or []
        try:
            models = client.describe()
            letters = client.get(LEDGER, "/dead-letters", limit=1000)["dead_letters"]
        except CallError as error:
            problem = str(error)
    found = {
        "system": url_of(system) or str(home_of(system).path),
        "functions": None if services is None else _parts(services, models=False),
        "models": [_model(each, services or []) for each in models],
        "dead_letters": None if letters is None else len(letters),
        "dead": [_dead(each) for each in (letters or [])[-_SHOWN:]],
        "never": {
            f"{each['namespace']}/{each['trigger']}": each["never_matches"]
            for each in triggers
            if each["never_matches"]
        },
        "problem": problem,
        "damaged": []
        if url_of(system)
        else [asdict(each) for each in reports_beside(home_of(system).path / LOG)],
    }
    if as_json:
        print_json(found)
    else:
        _print(found, Console(highlight=False, emoji=False, soft_wrap=True))
    if problem or not all(is_ready(each) for each in services or []):
        raise typer.Exit(1)


def _parts(services: Sequence[Mapping[str, Any]], *, models: bool) -> list[dict[str, Any]]:
    return [
        {
            "name": each["metadata"]["name"],
            "ready": is_ready(each),
            "message": None if is_ready(each) else not_ready(each),
        }
        for each in services
        if (MODEL_LABEL in each["metadata"].get("labels", {})) is models
    ]


def _dead(letter: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "event": letter["type"].removeprefix(PREFIX) or "what is no event",
        "event_id": letter["event_id"],
        "to": letter["destination"].rstrip("/").rpartition("/")[2],
        "error": reason_of(letter["error"]),
    }


def _model(model: Mapping[str, Any], services: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a model's champion, and where it answers."""
    found = next((each for each in services if each["metadata"]["name"] == model["model"]), {})
    status = found.get("status", {})
    rollout = model["rollout"] or {}
    return {
        "model": model["model"],
        "champion": model["champion"],
        "retired": model["retired"] is not None,
        "rollout": rollout.get("version"),
        "waits": waiting_words(model),
        "ready": is_ready(found) if found else None,
        "message": not_ready(found) if found and not is_ready(found) else None,
        "addresses": every_address(status["url"]) if status.get("url") else [],
    }


def _print_model(model: Mapping[str, Any], line: Callable[..., None]) -> None:
    champion = f"v{model['champion']} serves" if model["champion"] else "no version serves"
    rollout = f", v{model['rollout']} is rolled out" if model["rollout"] else ""
    line("model", f"{model['model']}: {'retired' if model['retired'] else champion}{rollout}")
    for words in [*model["waits"], *model["addresses"]]:
        line("", words)
    if model["message"]:
        line("", f"not ready: {model['message']}", well=False)


def _print(found: Mapping[str, Any], console: Console) -> None:
    def line(what: str, words: str, *, well: bool = True) -> None:
        console.print(f"[dim]{what:<13}[/] {escape(words) if well else f'[red]{escape(words)}[/]'}")

    line("system", found["system"])
    functions = found["functions"]
    if functions is None:
        line("functions", "not known by the address of a gateway; name the system's state folder")
    else:
        waiting = [each for each in functions if not each["ready"]]
        line("functions", f"{len(functions) - len(waiting)} of {len(functions)} are ready")
        for each in waiting:
            line("", f"{each['name']} is not ready: {each['message']}", well=False)
    for model in found["models"]:
        _print_model(model, line)
    for trigger, why in found["never"].items():
        line("trigger", f"no event can pass the filter of {trigger}: {why}", well=False)
    for each in found["damaged"]:
        lost = sum(each["lost"].values())
        line(
            "log",
            f"was damaged at {each['at']}, {lost or 'no'} deliveries are lost; see {each['kept']}.json",
            well=False,
        )
    if found["problem"]:
        line("ledger", found["problem"], well=False)
        return
    dead = found["dead_letters"]
    how = ": kascade events --type delivery.failed" if dead else ""
    line("dead letters", f"{dead or 'none'}{how}", well=not dead)
    for each in found["dead"]:
        line("", f"{each['event']} to {each['to']}: {each['error']}: kascade explain {each['event_id']}")
