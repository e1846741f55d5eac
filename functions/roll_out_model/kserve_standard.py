"""KServe's Standard mode, without Knative: which version serves there, and why nothing is rolled out.

Its `spec.canary` came with version 0.20, which makes the canary's Deployment and splits no traffic; what a
later one does was not seen. The status is the same whether traffic is split or not, so the version is asked.
"""

from __future__ import annotations

import re
from typing import Any

from functions.roll_out_model.deployer import DeployerError, Refused
from functions.roll_out_model.kubernetes_objects import KubernetesObjects, Resource

MODES = frozenset({"Standard", "RawDeployment"})
"""How KServe calls the mode without Knative, now and before."""
NAMESPACE, MANAGER = "kserve", "kserve-controller-manager"
"""Where KServe's own manifests put its controller, and its Deployment's name."""
_DEPLOYMENTS = Resource("apps", "v1", "deployments")
_SPLITS_SOME = (0, 20)
_FIX = (
    "install Knative Serving, and let the InferenceService be annotated with "
    "serving.kserve.io/deploymentMode: Knative; or set DEPLOY_TARGET to another platform"
)


def refusal(objects: KubernetesObjects, model: str) -> Refused:
    """Return why a model is not rolled out in Standard mode, with the version of KServe if it can be read."""
    version, unread = _version(objects.in_namespace(NAMESPACE))
    who = f"KServe {version}" if version else "KServe"
    number = tuple(int(each) for each in version.split(".")[:2]) if version else _SPLITS_SOME
    if number < _SPLITS_SOME:
        what = "has no canary and replaces what runs"
    elif number == _SPLITS_SOME:
        what = "takes spec.canary and splits no traffic by it"
    else:
        what = "may split traffic by spec.canary, which is not used here: it was never tried"
    if not version:
        what = f"of version 0.20 {what} (which version this is cannot be told: {unread})"
    return Refused(f"{who} serves {model} in Standard mode, which {what}: {_FIX}")


def _version(objects: KubernetesObjects) -> tuple[str, str]:
    """Return the version of KServe's controller by its image, or why it is not known."""
    try:
        found = objects.get(_DEPLOYMENTS, MANAGER)
    except DeployerError as error:
        return "", str(error)
    if found is None:
        return "", f"there is no Deployment {NAMESPACE}/{MANAGER}"
    images = [_image(each) for each in found["spec"]["template"]["spec"]["containers"]]
    tags = [re.search(r":v?(\d+\.\d+(?:\.\d+)?[^@]*)", image.rpartition("/")[2]) for image in images]
    known = [tag[1] for image, tag in zip(images, tags, strict=True) if tag and "kserve" in image]
    return (known[0], "") if known else ("", f"the image is {', '.join(images)}")


def _image(container: dict[str, Any]) -> str:
    return str(container.get("image") or "")
