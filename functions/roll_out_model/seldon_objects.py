"""The Models and the Experiment of Seldon Core 2 that serve a model, written as plain objects.

Each version is a Model of its own that is never changed. One Experiment, named as the model, leads to them:
it answers under `<model>.experiment`, whoever is champion.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from functions.roll_out_model.deployer import FOREIGN, ServedVersion, Traffic, version_name
from functions.roll_out_model.kubernetes_objects import Resource
from functions.roll_out_model.seldon_roles import Json, SeldonOptions, annotations_of, metadata_of

GROUP, API_VERSION = "mlops.seldon.io", "v1alpha1"
MODELS = Resource(GROUP, API_VERSION, "models")
EXPERIMENTS = Resource(GROUP, API_VERSION, "experiments")
MIRRORED_PERCENT = 100


def model_of(version: ServedVersion, namespace: str, options: SeldonOptions) -> Json:
    """Return the Model of a version. Its parameters tell what serves it which file is the approved one."""
    folder, _, _ = version.uri.rpartition("/")
    parameters = {"model": version.model, "version": str(version.version), "sha256": version.sha256}
    return {
        "apiVersion": f"{GROUP}/{API_VERSION}",
        "kind": "Model",
        "metadata": metadata_of(version.model, version.name, namespace),
        "spec": {
            "storageUri": folder,
            "secretName": options.secret,
            "requirements": list(options.requirements),
            "replicas": options.replicas,
            "parameters": [{"name": name, "value": value} for name, value in parameters.items()],
            **({"memory": options.memory} if options.memory else {}),
        },
    }


def experiment_of(
    model: str, namespace: str, spec: Json, traffic: Traffic | None, latest: int, changed: datetime
) -> Json:
    """Return the Experiment of a model that has none."""
    annotations = {
        name: value for name, value in annotations_of(traffic, latest, changed).items() if value is not None
    }
    return {
        "apiVersion": f"{GROUP}/{API_VERSION}",
        "kind": "Experiment",
        "metadata": {**metadata_of(model, model, namespace), "annotations": annotations},
        "spec": {name: value for name, value in spec.items() if value is not None},
    }


def spec_of(model: str, shares: Mapping[int, int], mirror: int | None = None) -> Json:
    """Return what an Experiment asks for, the first of the shares first.

    Seldon builds a route candidate by candidate and leaves it as it is when one has no replica: what came
    before then gets everything. It refuses a mirror that is a candidate as well. Weights count relative to
    their sum; who has none is left out, since a candidate that is not ready spoils the whole.
    """
    candidates = [
        {"name": version_name(model, version), "weight": share} for version, share in shares.items() if share
    ]
    copies = None
    if mirror is not None and not shares.get(mirror):
        copies = {"name": version_name(model, mirror), "percent": MIRRORED_PERCENT}
    return {"resourceType": "model", "candidates": candidates, "mirror": copies}


def shares_in(model: str, experiment: Json) -> dict[int, int]:
    """Return the percentages that an Experiment asks for, by version."""
    weights: dict[int, int] = {}
    for each in experiment["spec"].get("candidates") or []:
        version = version_of(model, each["name"])
        weights[version] = weights.get(version, 0) + each["weight"]
    total = sum(weights.values())
    return {version: round(100 * weight / total) for version, weight in weights.items() if weight}


def mirror_in(model: str, experiment: Json) -> int | None:
    """Return the version that gets copies; `FOREIGN` when something else does, or only some are sent."""
    mirror = experiment["spec"].get("mirror")
    if mirror is None:
        return None
    return version_of(model, mirror["name"]) if mirror["percent"] == MIRRORED_PERCENT else FOREIGN


def version_of(model: str, name: str) -> int:
    """Return the version that a Model serves; `FOREIGN` for one that was not named here."""
    prefix, _, number = name.rpartition("-v")
    return int(number) if prefix == model and re.fullmatch("[1-9][0-9]{0,8}", number) else FOREIGN
