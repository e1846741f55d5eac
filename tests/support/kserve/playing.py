"""KServe in Knative mode, played in the API of a system on one machine, with real servers.

As KServe does, it makes a Knative Service of each InferenceService, which the local runtime runs; fetches the
model into a folder that stands for the pod's /mnt/models; and writes into the status what the Service says.
The local runtime has no pods, so how a process ended is read in its log.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from support.kserve.rules import Json, notes_of, propagated, shares_of, traffic_of, traffic_problem
from support.playing import FastClock, Player, set_condition

from eventing.store import S3Store

ISVC = ("serving.kserve.io", "v1beta1")
RUNTIMES = ("serving.kserve.io", "v1alpha1")
KNATIVE = ("serving.knative.dev", "v1")
_MOUNT = "/mnt/models"
_ENDED = re.compile(r"exit code (-?\d+)")


class PlayedKServe(Player):
    """KServe 0.20 over the API of a running `kascade up`."""

    def __init__(
        self, api: client.CustomObjectsApi, home: Path, store: S3Store, folder: Path, lag_s: float = 0.3
    ) -> None:
        """Play in the namespace kascade.

        Args:
            home: the system's folder, with its logs.
            store: where models are fetched from.
            folder: where they are put.
            lag_s: how long a change is not seen yet.
        """
        super().__init__(api, "kascade", lag_s, FastClock(1.0, datetime.now(UTC)))
        self._home, self._store, self._folder = home, store, folder
        self._wanted: dict[str, Json] = {}

    def act(self) -> None:
        services = self.listed(*ISVC, "inferenceservices")
        for gone in self._wanted.keys() - {each["metadata"]["name"] for each in services}:
            del self._wanted[gone]
            self.api.delete_namespaced_custom_object(
                *KNATIVE, self.namespace, "services", f"{gone}-predictor"
            )
        for service in services:
            # What was seen before a change goes on being reconciled until the change is seen.
            if self.is_due(service) or service["metadata"]["name"] in self._wanted:
                self._reconcile(service, fresh=self.is_due(service))

    def _reconcile(self, service: Json, *, fresh: bool) -> None:
        name = service["metadata"]["name"]
        status: Json = json.loads(json.dumps(service.get("status") or {"conditions": []}))
        component = (status.get("components") or {}).get("predictor") or {}
        status["deploymentMode"] = "Knative"
        if fresh:
            runtime = self._runtime(service)
            problem = traffic_problem(name, service)
            if runtime is None:
                said = "Waiting for runtime to become available"
                status["modelStatus"] = {
                    "transitionStatus": "InvalidSpec",
                    "lastFailureInfo": {"reason": "RuntimeNotRecognized", "message": said},
                }
            if runtime is None or problem:
                reason = "ReconcileFailed" if problem else ""
                self._ready(status, "False" if problem else "Unknown", reason, problem)
                self._say(service, status)
                return
            self._deploy(name, self._knative_service(service, runtime, component))
        self._propagate(service, status, component)

    def _runtime(self, service: Json) -> Json | None:
        name = service["spec"]["predictor"]["model"].get("runtime")
        known = {each["metadata"]["name"]: each for each in self.listed(*RUNTIMES, "servingruntimes")}
        return known.get(name)

    def _knative_service(self, service: Json, runtime: Json, component: Json) -> Json:
        """Return the spec of the Knative Service that KServe makes."""
        metadata, predictor = service["metadata"], service["spec"]["predictor"]
        model = predictor["model"]
        (container,) = runtime["spec"]["containers"]
        folder = self._fetched(model["storageUri"])
        env = [
            {**each, "value": each["value"].replace(_MOUNT, str(folder))} if "value" in each else each
            for each in [*container.get("env", []), *model.get("env", [])]
        ]
        scale = {
            "autoscaling.knative.dev/min-scale": str(predictor.get("minReplicas", 1)),
            "autoscaling.knative.dev/max-scale": str(predictor.get("maxReplicas", 0)),
        }
        return {
            "template": {
                "metadata": {
                    "labels": {
                        **metadata.get("labels", {}),
                        **predictor.get("labels", {}),
                        "serving.kserve.io/inferenceservice": metadata["name"],
                        "component": "predictor",
                    },
                    "annotations": {**notes_of(service), **scale},
                },
                "spec": {"containers": [{**container, "env": env}]},
            },
            "traffic": traffic_of(service, component),
        }

    def _fetched(self, uri: str) -> Path:
        """Return the folder that has what is stored at an address: the file, under its own name."""
        folder = self._folder / hashlib.sha256(uri.encode()).hexdigest()[:16]
        if not folder.exists():
            folder.mkdir()
            (folder / uri.rpartition("/")[2]).write_bytes(self._store.get(uri))
        return folder

    def _deploy(self, name: str, spec: Json) -> None:
        if self._wanted.get(name) == spec:
            return
        where = (*KNATIVE, self.namespace, "services")
        body: Json = {"apiVersion": "/".join(KNATIVE), "kind": "Service", "spec": spec}
        body["metadata"] = {"name": f"{name}-predictor", "namespace": self.namespace}
        if name in self._wanted:
            live = self.api.get_namespaced_custom_object(*where, f"{name}-predictor")
            body["metadata"] = live["metadata"]
            self.api.replace_namespaced_custom_object(*where, f"{name}-predictor", body)
        else:
            self.api.create_namespaced_custom_object(*where, body)
        self._wanted[name] = spec

    def _propagate(self, service: Json, status: Json, component: Json) -> None:
        """Say what the Knative Service says by now, whichever of its specs that is about."""
        name = service["metadata"]["name"]
        where = (*KNATIVE, self.namespace)
        try:
            found = self.api.get_namespaced_custom_object(*where, "services", f"{name}-predictor")
        except ApiException as error:
            if error.status != 404:
                raise
            return
        told = found.get("status") or {}
        created, ready = told.get("latestCreatedRevisionName", ""), told.get("latestReadyRevisionName")
        if ready:
            component = propagated(component, created, ready, told.get("traffic") or [])
            self._note(name, shares_of(told.get("traffic") or []))
        else:
            component = {**component, "latestCreatedRevision": created}
        if told.get("url"):
            component["url"] = status["url"] = told["url"]
        status["components"] = {"predictor": component}
        status["observedGeneration"] = told.get("observedGeneration", 0)
        condition = next((each for each in told.get("conditions") or [] if each["type"] == "Ready"), {})
        word = condition.get("status", "Unknown")
        self._ready(status, word, condition.get("reason", ""), condition.get("message", ""))
        status["modelStatus"] = self._model_status(status.get("modelStatus") or {}, created, ready)
        self._say(service, status)

    def _model_status(self, before: Json, created: str, ready: str | None) -> Json:
        """Return how the pod of the revision made last is; what was told of a failure stays for good."""
        if created and created == ready:
            return {**before, "transitionStatus": "UpToDate"}
        ended = list(self._ends(created)) if created else []
        if not ended:
            return {**before, "transitionStatus": "InProgress"}
        log = self._home / "logs" / f"{self.namespace}.{created}.log"
        info = {
            "reason": "ModelLoadFailed",
            "message": log.read_text(errors="replace").strip()[-2000:],
            "exitCode": ended[-1],
        }
        return {**before, "transitionStatus": "BlockedByFailedLoad", "lastFailureInfo": info}

    def _ends(self, revision: str) -> Iterator[int]:
        """Yield the exit code of each process of a revision that ended by itself."""
        for line in (self._home / "runtime.log").read_text(errors="replace").splitlines():
            if '"process ended"' not in line or f'"{revision}"' not in line:
                continue
            if (found := _ENDED.search(json.loads(line)["message"])) is not None:
                yield int(found[1])

    def _note(self, model: str, shares: Mapping[str, int]) -> None:
        """Note the split of the traffic, by the versions that the revisions are labelled with."""
        versions: dict[int, int] = {}
        revisions = {each["metadata"]["name"]: each for each in self.listed(*KNATIVE, "revisions")}
        for name, share in shares.items():
            version = int(revisions[name]["metadata"]["labels"]["endpoint"].removeprefix("v"))
            versions[version] = versions.get(version, 0) + share
        self.note(model, versions)

    def _ready(self, status: Json, word: str, reason: str, message: str) -> None:
        for name in ("PredictorReady", "Ready"):
            set_condition(status["conditions"], self.clock.stamp(), name, word, reason, message)

    def _say(self, service: Json, status: Json) -> None:
        if status == service.get("status"):
            return
        name: str = service["metadata"]["name"]
        body: dict[str, Any] = {"metadata": {"name": name}, "status": status}
        where = (*ISVC, self.namespace, "inferenceservices")
        self.api.replace_namespaced_custom_object_status(*where, name, body)
