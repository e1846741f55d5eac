"""What the manifests of the base promise, one by one; test_consistency.py holds the lists in them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.manifests import OVERLAYS, pods, rendered

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "knative" / "base"
FILES = sorted(
    path for path in BASE.rglob("*.yaml") if path.name not in ("kustomization.yaml", "function.yaml")
)


def objects() -> list[tuple[Path, dict[str, Any]]]:
    return [(path, each) for path in FILES for each in yaml.safe_load_all(path.read_text())]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [each for _, each in objects() if each["kind"] == kind]


def test_there_are_manifests_to_check() -> None:
    assert len(FILES) > 15


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
        '"DATABASE_URL"' in text or "database_url" in text for text in code
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


@pytest.mark.case("S2", "functions are reached from within the cluster alone")
@pytest.mark.case("S13", "no token for the API server")
@pytest.mark.parametrize("tree", ["base", *(f"overlays/{name}" for name in OVERLAYS)])
def test_functions_are_local_to_the_cluster_and_have_no_token_for_its_api(tree: str) -> None:
    found = pods(rendered(tree))
    assert {name for name, pod in found.items() if pod["spec"].get("automountServiceAccountToken", True)} == {
        "console",
        "roll-out-model",
    }
    for service in rendered(tree):
        if service["kind"] == "Service":
            labels = service["metadata"]["labels"]
            assert labels["networking.knative.dev/visibility"] == "cluster-local"


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
