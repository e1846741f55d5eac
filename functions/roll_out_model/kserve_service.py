"""The InferenceService of a model, written as a plain object (serving.kserve.io/v1beta1, Knative mode).

Any change of its labels, annotations or predictor makes a new revision. So what differs from version to
version stands in the predictor, and nothing is noted in the object's own metadata.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from functions.roll_out_model.deployer import Refused, ServedVersion
from functions.roll_out_model.knative_service import MODEL_LABEL, ServingOptions, volumes_of

Json = dict[str, Any]

GROUP, API_VERSION = "serving.kserve.io", "v1beta1"
MANAGER = "kascade"
"""Who owns the fields that are applied: the field manager."""
OWN_RUNTIME = "kascade-onnx"
"""The ServingRuntime of functions/serve_model: see knative/components/target-kserve."""
VERSION_LABEL = "kascade.dev/version"
DEPLOYMENT, SHA256 = "kascade.dev/deployment", "kascade.dev/sha256"
INSTEAD_OF = "kascade.dev/instead-of"
"""Annotations of a predictor, and so of its revision: which write it stems from, the model's digest, and the
version that was taken away for it."""
SOURCE_URI = "internal.serving.kserve.io/storage-initializer-sourceuri"
"""KServe's own annotation of a revision: where its model comes from."""
PERCENT = "canaryTrafficPercent"
CHALLENGER_TAG = "latest"
"""The tag that KServe gives to the revision made last, when tags are asked for."""
MAX_NAME = 63 - len(f"{CHALLENGER_TAG}--predictor")
"""Above this the address of a tagged revision is no DNS label, and Knative splits no traffic."""
_FOLDER = "/mnt/models"
_APPLIED = frozenset(
    {"labels", "annotations", "serviceAccountName", "minReplicas", "maxReplicas"}
    | {"logger", "model", "volumes"}
)
_APPLIED_OF_MODEL = frozenset(
    {"modelFormat", "protocolVersion", "runtime", "storageUri"}
    | {"env", "resources", "securityContext", "volumeMounts"}
)


@dataclass(frozen=True)
class KServeOptions:
    """How models are served by KServe.

    Attributes:
        runtime: the ServingRuntime; any but ours has KServe log its predictions, and encodes no features.
        service_account: whose Secret has KServe's annotations of the object store.
        serving: what holds on every platform.
    """

    runtime: str = OWN_RUNTIME
    service_account: str = "model-store"
    serving: ServingOptions = field(default_factory=ServingOptions)


def check_name(model: str) -> None:
    """Raises: Refused when a model's name is too long for KServe."""
    if len(model) > MAX_NAME:
        raise Refused(
            f"the name {model} has {len(model)} characters and KServe splits traffic for at most {MAX_NAME}: "
            f"Knative's name {CHALLENGER_TAG}-{model}-predictor would have more than 63; rename the model"
        )


def inference_service_of(
    version: ServedVersion,
    percent: int | None,
    deployment: str,
    options: KServeOptions,
    instead_of: int | None = None,
) -> Json:
    """Return the InferenceService that serves a version.

    Args:
        percent: the share of this version beside the one that is rolled out; None: all, once it is ready.
        deployment: tells the revision that is made for this object from any made before.
        instead_of: the version that is taken away for this one.
    """
    predictor = _predictor(version, deployment, options) | _share(percent)
    if instead_of is not None:
        predictor["annotations"][INSTEAD_OF] = str(instead_of)
    return {
        "apiVersion": f"{GROUP}/{API_VERSION}",
        "kind": "InferenceService",
        "metadata": {
            "name": version.model,
            "namespace": options.serving.namespace,
            "labels": {MODEL_LABEL: version.model},
            "annotations": {
                "serving.kserve.io/deploymentMode": "Knative",
                "serving.kserve.io/enable-tag-routing": "true",
            },
        },
        "spec": {"predictor": predictor},
    }


def with_percent(service: Json, percent: int | None) -> Json:
    """Return what was applied of an InferenceService, as it is, but for its percent.

    The options may have changed since; to apply them would make another revision of the same version.
    """
    predictor = {key: value for key, value in service["spec"]["predictor"].items() if key in _APPLIED}
    model = predictor.get("model") or {}
    predictor["model"] = {key: value for key, value in model.items() if key in _APPLIED_OF_MODEL}
    metadata = service["metadata"]
    kept = inference_service_of(ServedVersion(metadata["name"], 0, "", ""), None, "", KServeOptions())
    return {
        **kept,
        "metadata": {
            **kept["metadata"],
            "namespace": metadata["namespace"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "spec": {"predictor": predictor | _share(percent)},
    }


def challenger_address(model: str, options: KServeOptions) -> str:
    """Return the address at which the version deployed last answers inside the cluster."""
    serving = options.serving
    return f"http://{CHALLENGER_TAG}-{predictor_name(model)}.{serving.namespace}.svc.{serving.cluster_domain}"


def predictor_name(model: str) -> str:
    """Return the name of the Knative Service that KServe makes of a model."""
    return f"{model}-predictor"


def _predictor(version: ServedVersion, deployment: str, options: KServeOptions) -> Json:
    serving, is_own = options.serving, options.runtime == OWN_RUNTIME
    volumes = [volume for volume, _ in volumes_of(serving)]
    return {
        # KServe's logger gives the label `endpoint` as ce-endpoint: the only thing that tells versions apart.
        "labels": {"endpoint": f"v{version.version}", VERSION_LABEL: str(version.version)},
        "annotations": {
            DEPLOYMENT: deployment,
            SHA256: version.sha256,
            "serving.knative.dev/progress-deadline": f"{serving.progress_deadline_s}s",
        },
        "serviceAccountName": options.service_account,
        "minReplicas": serving.min_scale,
        "maxReplicas": serving.max_scale,
        "model": {
            "modelFormat": {"name": "onnx", "version": "1"},
            "protocolVersion": "v2",
            "runtime": options.runtime,
            "storageUri": version.uri,
            **(_own_server(version, options) if is_own else {}),
        },
        **({"volumes": volumes} if is_own and volumes else {}),
        **_logger(options),
    }


def _own_server(version: ServedVersion, options: KServeOptions) -> Json:
    """Return the variables and limits of our own server, beyond those of its ServingRuntime."""
    serving = options.serving
    mounts = [mount for _, mount in volumes_of(serving)]
    return {
        "env": _variables(version, options),
        **({"resources": {"limits": dict(serving.limits)}} if serving.limits else {}),
        **({"volumeMounts": mounts} if mounts else {}),
        **({"securityContext": {"readOnlyRootFilesystem": True}} if serving.read_only_root else {}),
    }


def _variables(version: ServedVersion, options: KServeOptions) -> list[Json]:
    """Return the variables of our own server. KServe puts the file into a folder, under its own name."""
    file = quote(version.uri.rpartition("/")[2])
    given = {
        "MODEL_NAME": version.model,
        "MODEL_VERSION": str(version.version),
        "MODEL_URI": f"file://{_FOLDER}/{file}",
        "MODEL_SHA256": version.sha256,
        **options.serving.variables,
    }
    return [{"name": name, "value": value} for name, value in given.items()]


def _logger(options: KServeOptions) -> Json:
    """Return KServe's logger, for servers that do not log by themselves. Ours would be logged twice."""
    sink = options.serving.variables.get("K_SINK")
    if options.runtime == OWN_RUNTIME or not sink:
        return {}
    return {"logger": {"mode": "all", "url": sink}}


def _share(percent: int | None) -> Json:
    return {} if percent is None else {PERCENT: percent}
