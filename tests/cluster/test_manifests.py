"""What the real API server, the CRDs and Knative's webhooks make of each object that we apply."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster.reach import ROOT, Cluster, Json, documents, named, overlays

PLACE = "kascade-dry-run"
OF_THE_SERVER = ("managedFields", "uid", "creationTimestamp", "generation", "resourceVersion")
FOREIGN = {"external-secrets.io", "monitoring.coreos.com", "rabbitmq.com", "kafka.strimzi.io"}
"""Groups of parts that an overlay builds on and this cluster lacks; tests/manifests knows their fields."""
NOT_HERE = {"RabbitmqBrokerConfig", "EventPolicy"}
"""Kinds of Knative's groups: of another Broker, and one that is refused without authentication-oidc."""


def rendered(cluster: Cluster, overlay: Path) -> list[Json]:
    """Return an overlay's objects, in a namespace where nothing stands."""
    found: list[Json] = list(yaml.safe_load_all(cluster.kubectl("kustomize", str(overlay))))
    for each in found:
        if each["kind"] == "Namespace":
            each["metadata"]["name"] += "-2"
        elif "namespace" in each["metadata"]:
            each["metadata"]["namespace"] = PLACE
    return found


def answered(cluster: Cluster, objects: list[Json]) -> tuple[list[Json], str]:
    """Return what creating the objects would store, and what was said besides.

    The ServiceAccounts are made indeed: Knative asks for the pods of a Service that names one.
    """
    if accounts := [each for each in objects if each["kind"] == "ServiceAccount"]:
        made = json.dumps({"apiVersion": "v1", "kind": "List", "items": accounts})
        cluster.kubectl("apply", "--server-side", "-f", "-", stdin=made)
    asked = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    said = cluster.tried(
        "apply",
        "--server-side",
        "--dry-run=server",
        "--validate=strict",
        "-o",
        "json",
        "-f",
        "-",
        stdin=asked,
    )
    return list(documents(said.stdout)), said.stderr


def of_here(objects: list[Json]) -> list[Json]:
    """Return the objects of kinds that this cluster has."""
    groups = [(each["apiVersion"].partition("/")[0], each) for each in objects]
    return [each for group, each in groups if group not in FOREIGN and each["kind"] not in NOT_HERE]


def leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value with the path to it."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{at}.{key}")
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from leaves(inner, f"{at}[{place}]")
    else:
        yield at, value


def of_ours(thing: Json) -> dict[str, Any]:
    metadata = {key: value for key, value in thing["metadata"].items() if key not in OF_THE_SERVER}
    return dict(leaves({**thing, "metadata": metadata, "status": None}))


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> Iterator[str]:
    cluster.tried("create", "namespace", PLACE)
    yield PLACE
    cluster.kubectl("delete", "namespace", PLACE, "--wait=false")


@pytest.mark.parametrize("overlay", overlays(), ids=lambda path: path.name)
def test_every_object_is_stored_as_it_is_written(cluster: Cluster, place: str, overlay: Path) -> None:
    asked = of_here(rendered(cluster, overlay))
    stored, said = answered(cluster, asked)
    got = {named(each): each for each in stored}
    assert set(got) == {named(each) for each in asked}, said
    problems = [line for line in said.splitlines() if "would violate PodSecurity" not in line]
    for each in asked:
        before, after = of_ours(each), of_ours(got[named(each)])
        for path, value in before.items():
            if path not in after:
                problems.append(f"DROPPED {named(each)}{path} = {value!r}")
            elif after[path] != value:
                problems.append(f"CHANGED {named(each)}{path}: {value!r} -> {after[path]!r}")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("overlay", overlays(), ids=lambda path: path.name)
def test_defaulting_adds_nothing_that_makes_a_second_apply_a_change(
    cluster: Cluster, place: str, overlay: Path
) -> None:
    """kubectl merges maps and replaces lists of custom resources: what is added in one comes and goes."""
    stored, said = answered(cluster, of_here(rendered(cluster, overlay)))
    got = {named(each): each for each in stored}
    asked = [each for each in of_here(rendered(cluster, overlay)) if "knative.dev" in each["apiVersion"]]
    assert {named(each) for each in asked} <= set(got), said
    added = {
        f"{named(each)}{path}": value
        for each in asked
        for path, value in of_ours(got[named(each)]).items()
        if path not in of_ours(each) and "[" in path
    }
    assert asked
    assert not added


def test_a_second_apply_changes_nothing(cluster: Cluster) -> None:
    said = cluster.kubectl("apply", "-k", str(ROOT / "knative" / "base")).splitlines()
    assert said
    assert [line for line in said if not line.endswith(" unchanged")] == []


def test_a_field_that_does_not_exist_is_refused(cluster: Cluster, place: str) -> None:
    (service,) = [
        each
        for each in rendered(cluster, ROOT / "knative" / "base")
        if each["kind"] == "Service" and each["metadata"]["name"] == "ring-timers"
    ]
    service["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"
    assert "unknown field" in answered(cluster, [service])[1]
