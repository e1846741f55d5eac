"""Deploys models to Seldon Core 2: a Model for each version, and one Experiment that leads to them."""

from __future__ import annotations

import time

from eventing.clock import Clock, utc_now
from functions.roll_out_model.deployer import (
    FOREIGN,
    Observed,
    ServedVersion,
    Traffic,
    Unavailable,
    version_name,
)
from functions.roll_out_model.kubernetes_objects import KubernetesObjects
from functions.roll_out_model.seldon_objects import (
    EXPERIMENTS,
    MODELS,
    experiment_of,
    mirror_in,
    model_of,
    shares_in,
    spec_of,
    version_of,
)
from functions.roll_out_model.seldon_roles import (
    LATEST,
    MODEL_LABEL,
    Json,
    SeldonOptions,
    annotations_of,
    check_ours,
    requested_in,
    version_in,
)
from functions.roll_out_model.seldon_status import is_in_force, not_deleted, observed_in

_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8)


class SeldonDeployer:
    """A `Deployer` over mlops.seldon.io/v1alpha1."""

    former_can_watch = True

    def __init__(
        self,
        objects: KubernetesObjects,
        namespace: str,
        options: SeldonOptions,
        *,
        cluster_domain: str = "cluster.local",
        clock: Clock = utc_now,
    ) -> None:
        self._objects = objects
        self._namespace = namespace
        self._options = options
        self._mesh = options.mesh or f"http://seldon-mesh.{namespace}.svc.{cluster_domain}"
        self._clock = clock

    def observe(self, model: str) -> Observed:
        """See `Deployer`. The address says by its path which route is meant, as Seldon reads it."""
        url = f"{self._mesh}/v2/models/{model}.experiment"
        experiment = self._experiment(model)
        if experiment is not None and not not_deleted([experiment]):
            experiment = None
        return observed_in(model, experiment, self._models(model), self._clock(), url)

    def deploy(self, version: ServedVersion, keep: int | None) -> None:
        """See `Deployer`."""
        model, number = version.model, version.version
        experiment, models = self._experiment(model), self._models(model)
        self._create(version)
        others = {version_of(model, each["metadata"]["name"]) for each in not_deleted(models)} - {number}
        kept = keep if keep in others else _serving_most(model, experiment, others - {FOREIGN})
        traffic = None if kept is None else Traffic(kept)
        self._write(model, experiment, {kept or number: 100}, traffic, number)

    def shift(self, model: str, traffic: Traffic) -> None:
        """See `Deployer`. A challenger with requests of its own gets no copies."""
        experiment = self._experiment(model)
        mirror = mirror_in(model, experiment) if experiment else None
        latest = version_in(experiment, LATEST) if experiment else None
        self._write(
            model,
            experiment,
            traffic.shares,
            traffic,
            latest or max(traffic.champion, traffic.challenger or 0),
            mirror if mirror == traffic.challenger else None,
        )

    def mirror(self, model: str, traffic: Traffic | None) -> None:
        """See `Deployer`."""
        experiment = self._experiment(model)
        if experiment is None or (traffic is None and mirror_in(model, experiment) is None):
            return
        shares = shares_in(model, experiment)
        mirror = traffic.challenger if traffic is not None else None
        requested = requested_in(experiment, shares)
        self._write(model, experiment, shares, requested, version_in(experiment, LATEST) or 0, mirror)

    def remove(self, model: str, version: int, fallback: ServedVersion) -> None:
        """See `Deployer`. A Model is deleted once no request goes to it."""
        experiment, models = self._experiment(model), not_deleted(self._models(model))
        there = {version_of(model, each["metadata"]["name"]) for each in models}
        if fallback.version not in there:
            self._create(fallback)
        traffic = Traffic(fallback.version)
        self._write(model, experiment, traffic.shares, traffic, fallback.version)
        if version in there:
            self._wait_until_in_force(model)
            self._objects.delete(MODELS, version_name(model, version))
        if self._objects.get(MODELS, version_name(model, version)) is not None:
            raise Unavailable(f"the Model {version_name(model, version)} is still being deleted")

    def delete(self, model: str) -> bool:
        """See `Deployer`. The Experiment goes first, so that no request meets half of the Models."""
        if self._experiment(model) is not None:
            self._objects.delete(EXPERIMENTS, model)
            if self._experiment(model) is not None:
                return False
        for each in not_deleted(self._models(model)):
            self._objects.delete(MODELS, each["metadata"]["name"])
        return not self._models(model)

    def _create(self, version: ServedVersion) -> None:
        """Create a version's Model if it is absent. Raises: Unavailable while an older one is deleted."""
        found = self._objects.get(MODELS, version.name)
        if found is None:
            self._objects.create(MODELS, model_of(version, self._namespace, self._options))
            return
        check_ours(found, version.model)
        if not not_deleted([found]):
            raise Unavailable(f"the Model {version.name} is still being deleted")

    def _write(
        self,
        model: str,
        experiment: Json | None,
        shares: dict[int, int],
        traffic: Traffic | None,
        latest: int,
        mirror: int | None = None,
    ) -> None:
        """Have the Experiment ask for this, whatever it asked for before."""
        spec, now = spec_of(model, shares, mirror), self._clock()
        if experiment is None:
            made = experiment_of(model, self._namespace, spec, traffic, latest, now)
            self._objects.create(EXPERIMENTS, made)
            return
        if not not_deleted([experiment]):
            raise Unavailable(f"the Experiment {model} is still being deleted")
        same = all((experiment["spec"].get(name) or None) == value for name, value in spec.items())
        metadata = {"annotations": annotations_of(traffic, latest, None if same else now)}
        body = {"metadata": metadata} if same else {"metadata": metadata, "spec": spec}
        self._objects.patch(EXPERIMENTS, model, body)

    def _wait_until_in_force(self, model: str) -> None:
        """Wait briefly until requests go as asked for. Raises: Unavailable when they do not."""
        for pause_s in _PAUSES_S:
            experiment = self._experiment(model)
            if experiment is not None and is_in_force(experiment, self._clock()):
                return
            time.sleep(pause_s)
        raise Unavailable(f"the Experiment {model} does not lead away from what is to be removed yet")

    def _experiment(self, model: str) -> Json | None:
        found = self._objects.get(EXPERIMENTS, model)
        if found is not None:
            check_ours(found, model)
        return found

    def _models(self, model: str) -> list[Json]:
        return self._objects.list(MODELS, f"{MODEL_LABEL}={model}")


def _serving_most(model: str, experiment: Json | None, versions: set[int]) -> int | None:
    """Return which of these versions is asked to answer most; None when none is."""
    shares = shares_in(model, experiment) if experiment else {}
    return max((each for each in versions if shares.get(each)), key=lambda each: shares[each], default=None)
