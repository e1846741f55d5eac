"""Deploys models as InferenceServices of KServe in Knative mode, through the Kubernetes API.

KServe splits traffic between the revision made last, which gets `canaryTrafficPercent`, and the one that is
rolled out. Without a percent the latest ready revision gets everything, whichever that is. So a version
starts with percent 0 beside another one, and the percent is dropped only when the revision of what the object
names is known to be the latest ready one. A model goes back in two steps: percent 0 at once, then the old
version is deployed anew beside it, and waited for.
"""

from __future__ import annotations

from dataclasses import replace

from functions.roll_out_model.deployer import (
    Observed,
    Refused,
    ServedVersion,
    Traffic,
    Unavailable,
    version_name,
)
from functions.roll_out_model.knative_deployer import REVISIONS, TRIGGERS
from functions.roll_out_model.knative_service import MODEL_LABEL, SERVICE_LABEL, shadow_name, shadow_of
from functions.roll_out_model.kserve_service import (
    API_VERSION,
    GROUP,
    MANAGER,
    PERCENT,
    Json,
    KServeOptions,
    challenger_address,
    check_name,
    inference_service_of,
    predictor_name,
    with_percent,
)
from functions.roll_out_model.kserve_standard import MODES, refusal
from functions.roll_out_model.kserve_status import Deployed, owners_of_percent
from functions.roll_out_model.kubernetes_objects import (
    KubernetesObjects,
    NotServed,
    OwnedElsewhere,
    Resource,
)

SERVICES = Resource(GROUP, API_VERSION, "inferenceservices")


class KServeDeployer:
    """A `Deployer` over serving.kserve.io/v1beta1.

    `shift` and `remove` raise Unavailable while a step that comes before the next is not done yet.
    """

    # Of KServe's revisions only the latest has an address beside the one that serves.
    former_can_watch = False

    def __init__(self, objects: KubernetesObjects, options: KServeOptions) -> None:
        self._objects = objects
        self._options = options

    def observe(self, model: str) -> Observed:
        """See `Deployer`."""
        deployed = self._find(model)
        if deployed is None:
            return Observed()
        shadow = self._objects.get(TRIGGERS, shadow_name(model))
        if shadow is None:
            return deployed.observed(None)
        address = shadow["spec"]["subscriber"].get("uri")
        return deployed.observed(address == challenger_address(model, self._options))

    def deploy(self, version: ServedVersion, keep: int | None) -> None:
        """See `Deployer`."""
        check_name(version.model)
        deployed = self._find(version.model)
        if deployed is None:
            self._revisions(version.model)  # they are there where KServe has its Knative mode
        if deployed is None or deployed.version != version.version:
            self._begin(version, deployed, keep)

    def shift(self, model: str, traffic: Traffic) -> None:
        """See `Deployer`. A share beside what is rolled out is only for the version deployed last."""
        deployed = self._find(model)
        if deployed is None:
            raise Unavailable(f"the InferenceService {model} has just been deleted")
        champion, challenger = traffic.champion, traffic.challenger
        if challenger is not None:
            self._share(deployed, champion, challenger, traffic.percent)
        elif deployed.version == champion:
            self._roll_out(deployed)
        elif champion in (deployed.stable, deployed.before):
            self._restore(deployed, champion)
        else:
            raise Unavailable(f"{version_name(model, champion)} is not running")

    def mirror(self, model: str, traffic: Traffic | None) -> None:
        """See `Deployer`. KServe has no mirror: a Trigger sends what the champion logs to the challenger."""
        name = shadow_name(model)
        if traffic is None:
            self._objects.delete(TRIGGERS, name)
            return
        trigger = shadow_of(model, traffic.champion, self._options.serving)
        trigger["spec"]["subscriber"] = {"uri": challenger_address(model, self._options)}
        known = self._objects.get(TRIGGERS, name)
        if known is None:
            self._objects.create(TRIGGERS, trigger)
        elif any(known["spec"].get(field) != trigger["spec"][field] for field in ("subscriber", "filters")):
            self._objects.patch(TRIGGERS, name, {"spec": trigger["spec"]})

    def remove(self, model: str, version: int, fallback: ServedVersion) -> None:
        """See `Deployer`. The revision stays until Knative collects it; nothing leads to it any more."""
        self.mirror(model, None)
        deployed = self._find(model)
        if deployed is None:
            self.deploy(fallback, None)
        else:
            self._go_back(deployed, fallback, removed=version)

    def delete(self, model: str) -> bool:
        """See `Deployer`."""
        self.mirror(model, None)
        if self._get(model) is None:
            return True
        self._objects.delete(SERVICES, model)
        return self._get(model) is None

    def _begin(
        self, version: ServedVersion, deployed: Deployed | None, keep: int | None, removed: int | None = None
    ) -> None:
        """Write a version into the object; all traffic stays where it is."""
        if deployed is None:
            self._apply(inference_service_of(version, None, "first", self._options))
            return
        now = version_name(deployed.model, deployed.version)
        if deployed.is_ready and not deployed.is_rolled_out:
            if keep == deployed.version:
                self._roll_out(deployed)
            if deployed.percent is None or keep == deployed.version:
                # A percent now would give the traffic to the version before.
                raise Unavailable(f"{now} is being rolled out")
        if deployed.stable is None and deployed.is_starting_to_serve:
            raise Unavailable(f"{now} is just about to serve")
        # Where nothing was rolled out, a percent has no meaning, and would stay.
        percent = None if deployed.stable is None else 0
        body = inference_service_of(
            version, percent, f"after-{deployed.resource_version}", self._options, instead_of=removed
        )
        body["metadata"]["resourceVersion"] = deployed.resource_version
        self._apply(body)

    def _share(self, deployed: Deployed, champion: int, challenger: int, percent: int) -> None:
        """Give the version deployed last a share beside the one that is rolled out."""
        if deployed.stable != champion:
            # KServe gives the rest to what is rolled out: that is to be the champion first.
            self._restore(deployed, champion)
        elif deployed.version != challenger or (percent and not deployed.is_ready):
            raise Unavailable(f"{version_name(deployed.model, challenger)} is not ready to have a share")
        elif deployed.percent != percent:
            self._apply(with_percent(deployed.service, percent))

    def _roll_out(self, deployed: Deployed) -> None:
        """Give all traffic to what the object names."""
        if deployed.percent is None:
            return
        if not deployed.is_ready:
            # Without the percent the latest ready revision would have everything, whichever that is.
            raise Unavailable(
                f"{version_name(deployed.model, deployed.version)} is not ready for all traffic"
            )
        others = owners_of_percent(deployed.service, MANAGER)
        if others:
            raise OwnedElsewhere(
                f"spec.predictor.{PERCENT} of the InferenceService {deployed.model} was set by "
                f"{', '.join(others)}: take it out there"
            )
        self._apply(with_percent(deployed.service, None))

    def _restore(self, deployed: Deployed, version: int) -> None:
        """Bring all traffic back to a version that is known from one of its revisions."""
        known = deployed.served(version)
        if known is None:
            name = version_name(deployed.model, version)
            raise Unavailable(f"no revision tells what {name} was made of, so it cannot be deployed again")
        self._go_back(deployed, known)

    def _go_back(self, deployed: Deployed, fallback: ServedVersion, removed: int | None = None) -> None:
        """Bring all traffic to a version, step by step. Raises: Unavailable while a step is not done."""
        if deployed.version == fallback.version:
            self._roll_out(deployed)
            if not deployed.is_rolled_out and deployed.stable is not None:
                raise Unavailable(f"{fallback.name} does not have all traffic yet")
            return
        beside = deployed.stable not in (None, deployed.version)
        if deployed.percent != 0 and (beside or deployed.before == fallback.version):
            deployed = replace(deployed, service=self._apply(with_percent(deployed.service, 0)))
        if not beside and deployed.percent == 0 and deployed.before == fallback.version:
            raise Unavailable(f"{fallback.name} is getting its traffic back")
        self._begin(fallback, deployed, None, removed)
        raise Unavailable(f"{fallback.name} has been deployed again and is waited for")

    def _find(self, model: str) -> Deployed | None:
        """Return what is deployed of a model. Raises: Refused where KServe has no Knative mode."""
        service = self._get(model)
        if service is None:
            return None
        if (service.get("status") or {}).get("deploymentMode") in MODES:
            raise refusal(self._objects, model)
        return Deployed.of(service, self._revisions(model))

    def _revisions(self, model: str) -> list[Json]:
        """Return a model's revisions. Raises: Refused where there is no Knative."""
        try:
            return self._objects.list(REVISIONS, f"{SERVICE_LABEL}={predictor_name(model)}")
        except NotServed as error:
            raise refusal(self._objects, model) from error

    def _get(self, model: str) -> Json | None:
        """Return a model's InferenceService. Raises: Refused when it is somebody else's."""
        service = self._objects.get(SERVICES, model)
        if service is not None and (service["metadata"].get("labels") or {}).get(MODEL_LABEL) != model:
            raise Refused(
                f"the InferenceService {model} exists and is not a model's: it has no label {MODEL_LABEL}="
                f"{model}; rename the model, or delete that InferenceService"
            )
        return service

    def _apply(self, body: Json) -> Json:
        return self._objects.apply(SERVICES, body, MANAGER)
