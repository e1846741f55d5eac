"""The SeldonDeployment of Seldon Core v1 that serves a model, written as plain objects.

Each version is a predictor `v<N>` with our own model server as its only container and without Seldon's
executor: it takes the same requests and logs the same predictions as on Knative. Copies for a shadow go by
events, as there: a shadow predictor gets copies of requests with ids of its own, so that no label would be
about both answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from functions.roll_out_model.deployer import FOREIGN, ServedVersion, Traffic
from functions.roll_out_model.knative_service import ServingOptions, template_of
from functions.roll_out_model.kubernetes_objects import Resource
from functions.roll_out_model.seldon_roles import Json, metadata_of

GROUP, API_VERSION = "machinelearning.seldon.io", "v1"
DEPLOYMENTS = Resource(GROUP, API_VERSION, "seldondeployments")
VIRTUAL_SERVICES = Resource("networking.istio.io", "v1beta1", "virtualservices")
CONTAINER, PORT = "model", 8080
_WITHOUT_EXECUTOR = {"seldon.io/no-engine": "true"}


def deployment_of(model: str, predictors: Sequence[Json], annotations: Json, namespace: str) -> Json:
    """Return the whole SeldonDeployment of a model."""
    kept = {name: value for name, value in annotations.items() if value is not None}
    return {
        "apiVersion": f"{GROUP}/{API_VERSION}",
        "kind": "SeldonDeployment",
        "metadata": {**metadata_of(model, model, namespace), "annotations": kept},
        "spec": {"protocol": "v2", "predictors": list(predictors)},
    }


def predictor_of(version: ServedVersion, share: int, options: ServingOptions) -> Json:
    """Return the predictor of a version."""
    pod: dict[str, Any] = template_of(version, options)["spec"]
    (container,) = pod["containers"]
    ports = [{"name": "http", "containerPort": PORT, "protocol": "TCP"}]
    pod["containers"] = [{**container, "name": CONTAINER, "ports": ports}]
    return {
        "name": predictor_name(version.version),
        "annotations": dict(_WITHOUT_EXECUTOR),
        "replicas": max(1, options.min_scale),
        "progressDeadlineSeconds": options.progress_deadline_s,
        "traffic": share,
        "graph": {"name": CONTAINER, "type": "MODEL", "children": []},
        "componentSpecs": [{"spec": pod}],
    }


def predictor_name(version: int) -> str:
    """Return what a version's predictor is called."""
    return f"v{version}"


def version_of(name: str) -> int:
    """Return the version of a predictor; `FOREIGN` for one that was not named here."""
    found = re.fullmatch("v([1-9][0-9]{0,8})", name)
    return int(found[1]) if found else FOREIGN


def workload_name(model: str, version: int) -> str:
    """Return the name of the Deployment that Seldon makes for a predictor."""
    return f"{model}-{predictor_name(version)}-0-{CONTAINER}"


def address_of(model: str, version: int, options: ServingOptions) -> str:
    """Return where one version answers inside the cluster."""
    host = f"{model}-{predictor_name(version)}.{options.namespace}.svc.{options.cluster_domain}"
    return f"http://{host}:{PORT}"


def versions_in(deployment: Json) -> dict[int, Json]:
    """Return the predictors of a SeldonDeployment by version."""
    return {version_of(each["name"]): each for each in deployment["spec"]["predictors"]}


def with_shares(predictors: Mapping[int, Json], shares: Mapping[int, int]) -> list[Json]:
    """Return predictors with other shares, who has most first; shares must sum to 100, as Seldon asks."""
    listed = [{**each, "traffic": shares.get(version, 0)} for version, each in predictors.items()]
    return sorted(listed, key=lambda each: (-each["traffic"], version_of(each["name"])))


def shares_in(deployment: Json) -> dict[int, int]:
    """Return the percentages that a SeldonDeployment asks for, by version."""
    found = {
        version: each.get("traffic") or 0
        for version, each in versions_in(deployment).items()
        if not each.get("shadow")
    }
    if len(found) == 1:
        return dict.fromkeys(found, 100)
    return {version: share for version, share in found.items() if share}


def kept_by(shares: Mapping[int, int], versions: set[int], keep: int | None) -> int | None:
    """Return which of these versions keeps the traffic: `keep`, or who has most of it."""
    if keep in versions:
        return keep
    return max((each for each in versions if shares.get(each)), key=lambda each: shares[each], default=None)


def traffic_shares(traffic: Traffic) -> dict[int, int]:
    """Return the shares of a traffic, of those that have one."""
    return {version: share for version, share in traffic.shares.items() if share}
