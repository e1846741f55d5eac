"""The manifests, the catalogue and the code say the same."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from eventing.catalogue import PAYLOADS

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "knative" / "base"
FILES = sorted(
    path for path in BASE.rglob("*.yaml") if path.name not in ("kustomization.yaml", "function.yaml")
)


def objects() -> list[tuple[Path, dict[str, Any]]]:
    return [(path, each) for path in FILES for each in yaml.safe_load_all(path.read_text())]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [each for _, each in objects() if each["kind"] == kind]


def types_in(value: Any) -> list[str]:
    """Return each event type that a Trigger's filters name."""
    if isinstance(value, dict):
        here = [value["type"]] if isinstance(value.get("type"), str) else []
        return here + [name for inner in value.values() for name in types_in(inner)]
    return [name for inner in value for name in types_in(inner)] if isinstance(value, list) else []


def test_there_are_manifests_to_check() -> None:
    assert len(FILES) > 15


def test_every_event_type_that_a_trigger_names_is_in_the_catalogue() -> None:
    named = {name for trigger in of_kind("Trigger") for name in types_in(trigger["spec"].get("filters", []))}
    ours = {name for name in named if name.startswith("dev.kascade.")}
    assert len(ours) > 8
    assert ours <= set(PAYLOADS)


def test_every_trigger_has_a_subscriber_that_exists() -> None:
    known = {(each["kind"], each["metadata"]["name"]) for _, each in objects()}
    for trigger in of_kind("Trigger"):
        ref = trigger["spec"]["subscriber"]["ref"]
        assert (ref["kind"], ref["name"]) in known


def test_every_file_is_listed_by_the_kustomization_beside_it() -> None:
    for path in FILES:
        listed = yaml.safe_load((path.parent / "kustomization.yaml").read_text())["resources"]
        assert path.name in listed, f"{path} is rendered by nobody"


@pytest.mark.parametrize("service", of_kind("Service"), ids=lambda each: each["metadata"]["name"])
def test_a_service_runs_a_function_of_the_same_name(service: dict[str, Any]) -> None:
    name = service["metadata"]["name"]
    image = service["spec"]["template"]["spec"]["containers"][0]["image"]
    assert re.fullmatch(rf"kascade/{name}:\d+\.\d+\.\d+", image)
    assert importlib.util.find_spec(f"functions.{name.replace('-', '_')}.__main__") is not None


def test_every_function_has_a_manifest_and_a_readme() -> None:
    deployed = {each["metadata"]["name"] for kind in ("Service", "JobSink") for each in of_kind(kind)}
    folders = {path.parent for path in (ROOT / "functions").glob("*/__main__.py")} - {
        ROOT / "functions" / "state"
    }
    assert len(folders) >= 9
    for folder in folders:
        assert (folder / "README.md").is_file(), f"{folder.name} has no README"
        # One Service per model is made from it when a version is rolled out.
        if folder.name != "serve_model":
            assert folder.name.replace("_", "-") in deployed


def subscriptions() -> dict[str, set[str]]:
    """Return the catalogue types that each function's Triggers let through, by the function's folder."""
    found: dict[str, set[str]] = {}
    for trigger in of_kind("Trigger"):
        name = trigger["spec"]["subscriber"]["ref"]["name"].replace("-", "_")
        if name != "record_events":
            found.setdefault(name, set()).update(types_in(trigger["spec"].get("filters", [])))
    return found


@pytest.mark.parametrize("function", sorted(subscriptions()))
def test_a_function_documents_each_type_that_its_triggers_let_through(function: str) -> None:
    readme = (ROOT / "functions" / function / "README.md").read_text()
    for name in subscriptions()[function]:
        assert name.removeprefix("dev.kascade.") in readme, f"{function}/README.md does not mention {name}"


def containers() -> dict[str, dict[str, Any]]:
    """Return each workload's container, by the folder of the function that its image runs."""
    pods = [each["spec"]["template"] for kind in ("Service", "Job") for each in of_kind(kind)]
    pods += [each["spec"]["job"]["spec"]["template"] for each in of_kind("JobSink")]
    found = [pod["spec"]["containers"][0] for pod in pods]
    return {each["image"].split("/")[-1].split(":")[0].replace("-", "_"): each for each in found}


@pytest.mark.parametrize("function", sorted(containers()))
def test_who_reads_the_databases_url_gets_it_from_its_secret_and_nobody_else_does(function: str) -> None:
    code = [path.read_text() for path in (ROOT / "functions" / function).glob("*.py")]
    secrets = [source["secretRef"] for source in containers()[function]["envFrom"] if source.get("secretRef")]
    assert ({"name": "state"} in secrets) == any(
        '"DATABASE_URL"' in text or ".database_url()" in text for text in code
    )


def test_secrets_are_never_in_a_manifest() -> None:
    assert of_kind("Secret") == []
    told = {name for each in of_kind("ConfigMap") for name in each["data"]}
    assert told == {"K_SINK", "SINK_TIMEOUT_S", "SERVE_MIN_SCALE"}


def test_who_sends_events_is_told_where_without_waiting_for_anybody() -> None:
    assert of_kind("SinkBinding") == []
    for function, container in containers().items():
        named = [
            source["configMapRef"]["name"] for source in container["envFrom"] if "configMapRef" in source
        ]
        own = ["model-servers"] if function == "roll_out_model" else []
        assert named == (["kascade"] if function == "state" else ["broker", *own, "kascade"])


def test_a_release_migrates_by_a_job_of_its_own_since_a_jobs_template_cannot_change() -> None:
    (job,) = of_kind("Job")
    version = job["spec"]["template"]["spec"]["containers"][0]["image"].split(":")[1]
    assert job["metadata"]["name"] == f"upgrade-state-{version.replace('.', '-')}"


@pytest.mark.parametrize("service", of_kind("Service"), ids=lambda each: each["metadata"]["name"])
def test_a_service_says_what_knative_would_add_to_its_lists(service: dict[str, Any]) -> None:
    """`kubectl apply` compares lists as a whole: one that defaulting changed is patched at every apply."""
    (container,) = service["spec"]["template"]["spec"]["containers"]
    assert container["name"] == "user-container"
    assert container["readinessProbe"] == {
        "httpGet": {"path": "/readyz", "port": 8080},
        "successThreshold": 1,
    }
    assert service["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]
