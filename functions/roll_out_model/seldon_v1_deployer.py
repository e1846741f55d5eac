"""Deploys models to Seldon Core v1: one SeldonDeployment for a model, a predictor for each version."""

from __future__ import annotations

from collections.abc import Callable

from eventing.clock import Clock, utc_now
from functions.roll_out_model.deployer import Observed, ServedVersion, Traffic, Unavailable
from functions.roll_out_model.knative_service import ServingOptions, shadow_name, shadow_of
from functions.roll_out_model.kubernetes_objects import Changed, KubernetesObjects, Resource
from functions.roll_out_model.seldon_roles import (
    LATEST,
    Json,
    SeldonOptions,
    annotations_of,
    check_ours,
    requested_in,
    version_in,
)
from functions.roll_out_model.seldon_v1_objects import (
    DEPLOYMENTS,
    VIRTUAL_SERVICES,
    address_of,
    deployment_of,
    kept_by,
    predictor_of,
    shares_in,
    traffic_shares,
    versions_in,
    with_shares,
)
from functions.roll_out_model.seldon_v1_status import leftovers, observed_in, shares_of

_ATTEMPTS = 5
_TRIGGERS = Resource("eventing.knative.dev", "v1", "triggers")


class SeldonV1Deployer:
    """A `Deployer` over machinelearning.seldon.io/v1."""

    former_can_watch = True

    def __init__(
        self,
        objects: KubernetesObjects,
        serving: ServingOptions,
        options: SeldonOptions,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self._objects = objects
        self._serving = serving
        self._gateway = options.gateway.rstrip("/")
        self._is_shown = options.ingress == "istio"
        self._clock = clock

    def observe(self, model: str) -> Observed:
        """See `Deployer`."""
        deployment = self._deployment(model)
        if deployment is None or _is_going(deployment):
            return Observed()
        shadow = self._objects.get(_TRIGGERS, shadow_name(model))
        url = f"{self._gateway}/seldon/{self._serving.namespace}/{model}"
        return observed_in(
            deployment, self._route(model), shadow, self._serving, url, self._clock(), is_shown=self._is_shown
        )

    def deploy(self, version: ServedVersion, keep: int | None) -> None:
        """See `Deployer`."""
        _again(lambda: self._deploy(version, keep))

    def _deploy(self, version: ServedVersion, keep: int | None) -> None:
        model, number = version.model, version.version
        deployment = self._deployment(model)
        if deployment is None:
            self._create(version)
            return
        predictors = versions_in(deployment)
        shares = shares_of(self._route(model)) or shares_in(deployment)
        kept = kept_by(shares, set(predictors) - {number}, keep)
        predictors.setdefault(number, predictor_of(version, 0, self._serving))
        traffic = None if kept is None else Traffic(kept)
        self._write(deployment, predictors, {kept or number: 100}, traffic, number)

    def shift(self, model: str, traffic: Traffic) -> None:
        """See `Deployer`."""
        _again(lambda: self._shift(model, traffic))

    def _shift(self, model: str, traffic: Traffic) -> None:
        deployment = self._existing(model)
        latest = version_in(deployment, LATEST) or traffic.challenger or traffic.champion
        self._write(deployment, versions_in(deployment), traffic_shares(traffic), traffic, latest)

    def mirror(self, model: str, traffic: Traffic | None) -> None:
        """See `Deployer`. A Trigger that leads elsewhere is changed: one made anew may get no events."""
        name = shadow_name(model)
        if traffic is None or traffic.challenger is None:
            self._objects.delete(_TRIGGERS, name)
            return
        known, trigger = self._objects.get(_TRIGGERS, name), shadow_of(model, traffic.champion, self._serving)
        trigger["spec"]["subscriber"] = {"uri": address_of(model, traffic.challenger, self._serving)}
        if known is None:
            self._objects.create(_TRIGGERS, trigger)
        elif any(known["spec"].get(field) != trigger["spec"][field] for field in ("subscriber", "filters")):
            self._objects.patch(_TRIGGERS, name, {"spec": trigger["spec"]})

    def remove(self, model: str, version: int, fallback: ServedVersion) -> None:
        """See `Deployer`. What a predictor leaves would pass for ready when its version came again."""
        self.mirror(model, None)
        _again(lambda: self._leave(model, version, fallback))
        deployment = self._deployment(model)
        if deployment is not None and leftovers(deployment, version):
            raise Unavailable(f"Seldon has not taken version {version} of {model} away yet")

    def _leave(self, model: str, version: int, fallback: ServedVersion) -> None:
        """Have the SeldonDeployment name a version no more."""
        deployment = self._deployment(model)
        if deployment is None:
            self._create(fallback)
            return
        predictors = versions_in(deployment)
        predictors.setdefault(fallback.version, predictor_of(fallback, 100, self._serving))
        gone = predictors.pop(version, None) is None
        traffic = Traffic(fallback.version)
        if not gone or requested_in(deployment, shares_in(deployment)) != traffic:
            self._write(deployment, predictors, {fallback.version: 100}, traffic, fallback.version)

    def delete(self, model: str) -> bool:
        """See `Deployer`. The Trigger goes in any case: it may be left of what was deleted by hand."""
        self.mirror(model, None)
        if self._deployment(model) is None:
            return True
        self._objects.delete(DEPLOYMENTS, model)
        return self._objects.get(DEPLOYMENTS, model) is None

    def _create(self, version: ServedVersion) -> None:
        predictors = [predictor_of(version, 100, self._serving)]
        annotations = annotations_of(None, version.version, self._clock())
        body = deployment_of(version.model, predictors, annotations, self._serving.namespace)
        self._objects.create(DEPLOYMENTS, body)

    def _write(
        self,
        deployment: Json,
        predictors: dict[int, Json],
        shares: dict[int, int],
        traffic: Traffic | None,
        latest: int,
    ) -> None:
        """Write the whole list of predictors; where somebody changed it meanwhile, nothing is written."""
        metadata = deployment["metadata"]
        if _is_going(deployment):
            raise Unavailable(f"the SeldonDeployment {metadata['name']} is still being deleted")
        wanted = with_shares(predictors, shares)
        same = wanted == deployment["spec"]["predictors"]
        annotations = annotations_of(traffic, latest, None if same else self._clock())
        body: Json = {
            "metadata": {"annotations": annotations, "resourceVersion": metadata["resourceVersion"]}
        }
        if not same:
            body["spec"] = {"predictors": wanted}
        self._objects.patch(DEPLOYMENTS, metadata["name"], body)

    def _deployment(self, model: str) -> Json | None:
        found = self._objects.get(DEPLOYMENTS, model)
        if found is not None:
            check_ours(found, model)
        return found

    def _existing(self, model: str) -> Json:
        deployment = self._deployment(model)
        if deployment is None:
            raise Unavailable(f"the SeldonDeployment {model} has just been deleted")
        return deployment

    def _route(self, model: str) -> Json | None:
        return self._objects.get(VIRTUAL_SERVICES, model) if self._is_shown else None


def _again(change: Callable[[], None]) -> None:
    """Change the object, and try again where Seldon wrote its status meanwhile."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return change()
        except Changed:
            continue
    return change()


def _is_going(deployment: Json) -> bool:
    return "deletionTimestamp" in deployment["metadata"]
