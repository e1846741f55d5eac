"""Every list in which a function or an event type must be entered names them all.

A failure says what is missing, and in which file to add it. `kascade new function` fills in all of them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from eventing.catalogue import FROM_OUTSIDE, PAYLOADS, PREFIX
from pipelines.spec.model import RESERVED_NAMES

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "knative" / "base"
COMPONENTS = ROOT / "knative" / "components"
FUNCTIONS = {path.parent.name for path in (ROOT / "functions").glob("*/__main__.py")} - {"state"}
PER_MODEL = {"serve_model"}
"""Its Services are made by roll_out_model, one for each model: no manifest has it."""
JOBS = {"run_training", "score_batch"}
BY_COMPONENT = {
    "launch_training": "launch-training",
    "log_experiments": "mlflow",
    "notify_people": "notify",
}
"""These come by a component of their own."""
ONE_PROCESS = {"receive_objects", "ring_timers", "roll_out_model"}
"""Two processes of these would do their work twice; knative/components/replicas says why."""
SERVICES = FUNCTIONS - PER_MODEL - JOBS
FEAST = {"feature_server", "apply_features"}
"""A Service and a JobSink of Feast's image, by the component feature-server: no functions of ours."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]


def documents(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def objects(kind: str) -> list[dict[str, Any]]:
    """Return the objects of a kind in the base, and those that components with a function bring."""
    brought = [
        path
        for name in (*BY_COMPONENT.values(), "feature-server")
        for path in (COMPONENTS / name).glob("*.yaml")
    ]
    files = [
        path
        for path in (*BASE.rglob("*.yaml"), *brought)
        if path.name not in ("kustomization.yaml", "function.yaml")
    ]
    return [each for path in files for each in documents(path) if each["kind"] == kind]


def named(kind: str) -> set[str]:
    return {each["metadata"]["name"].replace("-", "_") for each in objects(kind)}


def underscored(names: object) -> set[str]:
    assert isinstance(names, list | set | frozenset)
    return {str(name).replace("-", "_") for name in names}


def independent() -> set[str]:
    (contract,) = [
        each for each in PROJECT["tool"]["importlinter"]["contracts"] if each["type"] == "independence"
    ]
    return {module.removeprefix("functions.") for module in contract["modules"]}


def budgeted() -> set[str]:
    budgets = documents(COMPONENTS / "disruption-budgets" / "functions.yaml")
    return underscored([each["metadata"]["name"] for each in budgets])


def with_policy(name: str) -> set[str]:
    """Return the Services that the first network policy of a file selects by name."""
    (rule,) = documents(COMPONENTS / "network-policies" / name)[0]["spec"]["podSelector"]["matchExpressions"]
    return underscored(rule["values"])


def reading(secret: str) -> set[str]:
    return {
        each["metadata"]["name"].replace("-", "_")
        for each in objects("Service")
        if {"secretRef": {"name": secret}} in each["spec"]["template"]["spec"]["containers"][0]["envFrom"]
    }


def senders() -> set[str]:
    """Return the Triggers whose replies the event policy lets into the Broker."""
    policy = documents(COMPONENTS / "event-policy" / "functions.yaml")[0]
    accounts = [each["sub"].rpartition(":")[2] for each in policy["spec"]["from"]]
    end = "-oidc-eventing.knative.dev-trigger"
    return underscored([account.removesuffix(end) for account in accounts if account.endswith(end)])


def having(file: str) -> set[str]:
    return {path.parent.name for path in (ROOT / "functions").glob(f"*/{file}")} - {"state"}


LISTS: dict[str, tuple[Callable[[], set[str]], Callable[[], set[str]]]] = {
    "pyproject.toml, an extra of its name": (lambda: FUNCTIONS, lambda: underscored(set(EXTRAS)) & FUNCTIONS),
    "pyproject.toml, the extra `functions`": (
        lambda: FUNCTIONS,
        lambda: underscored(re.findall(r"[a-z-]+", EXTRAS["functions"][0])[1:]),
    ),
    "pyproject.toml, the layer contract of independence": (lambda: FUNCTIONS, independent),
    ".locks/images/<name>.txt": (
        lambda: FUNCTIONS | {"state", "drift", "code", "lightgbm", "traces", "xgboost"},
        lambda: underscored({path.stem for path in (ROOT / ".locks" / "images").glob("*.txt")}),
    ),
    "pipelines/spec/model.py, RESERVED_NAMES": (
        lambda: FUNCTIONS,
        lambda: underscored(RESERVED_NAMES) & FUNCTIONS,
    ),
    "functions/<name>/README.md": (lambda: FUNCTIONS, lambda: having("README.md")),
    "functions/<name>/func.yaml": (lambda: SERVICES, lambda: having("func.yaml")),
    "knative/base/kustomization.yaml, resources": (
        lambda: FUNCTIONS - PER_MODEL - BY_COMPONENT.keys(),
        lambda: set(documents(BASE / "kustomization.yaml")[0]["resources"]) - {"broker", "state"},
    ),
    "knative/base/<name>/service.yaml": (lambda: SERVICES, lambda: named("Service") - FEAST),
    "knative/base/<name>/, a JobSink": (lambda: JOBS, lambda: named("JobSink") - FEAST),
    "knative/components/disruption-budgets/functions.yaml": (lambda: SERVICES - ONE_PROCESS, budgeted),
    "knative/components/event-policy/functions.yaml, the Triggers": (lambda: named("Trigger"), senders),
    "knative/components/network-policies/to-state.yaml": (
        lambda: reading("state"),
        lambda: with_policy("to-state.yaml"),
    ),
    "knative/components/network-policies/to-object-store.yaml": (
        lambda: reading("object-store"),
        lambda: with_policy("to-object-store.yaml"),
    ),
}


def difference(place: str, wanted: set[str], found: set[str]) -> list[str]:
    missing = [f"{name}: add it to {place}" for name in sorted(wanted - found)]
    return missing + [
        f"{name}: remove it from {place}, or add what it names" for name in sorted(found - wanted)
    ]


@pytest.mark.parametrize("place", LISTS)
def test_a_list_names_every_function_that_belongs_in_it(place: str) -> None:
    wanted, found = LISTS[place]
    assert difference(place, wanted(), found()) == []


def test_what_is_missing_or_too_much_is_said_with_its_place() -> None:
    assert difference("a.toml", {"one", "two"}, {"two", "three"}) == [
        "one: add it to a.toml",
        "three: remove it from a.toml, or add what it names",
    ]


def types_in(value: Any) -> set[str]:
    """Return each event type that a Trigger's filters name."""
    if isinstance(value, dict):
        own = {value["type"]} if isinstance(value.get("type"), str) else set()
        return own.union(*(types_in(inner) for inner in value.values()))
    return set().union(*(types_in(inner) for inner in value)) if isinstance(value, list) else set()


def subscribed() -> dict[str, set[str]]:
    """Return the types that each function's Triggers let through; record_events takes nearly all."""
    found: dict[str, set[str]] = {}
    for trigger in objects("Trigger"):
        name = trigger["spec"]["subscriber"]["ref"]["name"].replace("-", "_")
        if name not in {"record_events", *FEAST}:
            found.setdefault(name, set()).update(types_in(trigger["spec"].get("filters", [])))
    return found


def documented(function: str, verb: str) -> set[str]:
    """Return the catalogue's types in a README's paragraph that begins with **Consumes** or **Emits**."""
    text = (ROOT / "functions" / function / "README.md").read_text()
    found = re.search(rf"^\*\*{verb}\*\* (.*?)(?=\n\n|\n\*\*)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"functions/{function}/README.md has no line that begins with **{verb}**"
    named = {PREFIX + name.removeprefix(PREFIX) for name in re.findall(r"`([a-z_.]+)`", found[1])}
    return named & PAYLOADS.keys()


def test_every_type_that_a_trigger_names_is_in_the_catalogue() -> None:
    named = {name for types in subscribed().values() for name in types if name.startswith(PREFIX)}
    assert len(named) > 8
    assert difference("eventing/catalogue", named, named & PAYLOADS.keys()) == []


@pytest.mark.parametrize("function", sorted(subscribed()))
def test_a_readme_names_each_type_that_the_functions_triggers_let_through(function: str) -> None:
    place = f"functions/{function}/README.md, after **Consumes**"
    wanted = subscribed()[function] & PAYLOADS.keys()
    assert difference(place, wanted, documented(function, "Consumes")) == []
    text = (ROOT / "functions" / function / "README.md").read_text()
    foreign = {name for name in subscribed()[function] - PAYLOADS.keys() if name not in text}
    assert [f"{name}: add it to {place}" for name in sorted(foreign)] == []


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_readme_and_the_catalogue_say_the_same_of_what_a_function_emits(function: str) -> None:
    emitted = {type_ for type_, payload in PAYLOADS.items() if function in payload.emitted_by}
    described = documented(function, "Emits")
    in_readme = f"functions/{function}/README.md, after **Emits**"
    in_class = "emitted_by of its class in eventing/catalogue"
    missing = [f"{type_}: add it to {in_readme}" for type_ in sorted(emitted - described)]
    unnamed = [f"{type_}: add {function} to {in_class}" for type_ in sorted(described - emitted)]
    assert missing + unnamed == []


def test_who_emits_a_type_exists_and_every_type_is_emitted_by_somebody() -> None:
    emitters = {name for payload in PAYLOADS.values() for name in payload.emitted_by}
    assert difference("functions/", emitters, emitters & (FUNCTIONS | FEAST | {"broker"})) == []
    silent = {type_ for type_, payload in PAYLOADS.items() if not payload.emitted_by} - FROM_OUTSIDE
    assert [
        f"{type_}: name who emits it in its class in eventing/catalogue" for type_ in sorted(silent)
    ] == []
