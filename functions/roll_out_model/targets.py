"""The platforms that models are rolled out to, by the values of DEPLOY_TARGET.

A platform's client is imported where it is built: only the one that is used costs its time and memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from functions.roll_out_model.deployer import Deployer

if TYPE_CHECKING:
    from functions.roll_out_model.kubernetes_objects import KubernetesObjects
    from functions.roll_out_model.settings import Settings


def _knative(settings: Settings) -> Deployer:
    from functions.roll_out_model.knative_deployer import KnativeDeployer

    return KnativeDeployer(_objects(settings), settings.serving)


def _kserve(settings: Settings) -> Deployer:
    from functions.roll_out_model.kserve_deployer import KServeDeployer

    return KServeDeployer(_objects(settings), settings.kserve)


def _objects(settings: Settings) -> KubernetesObjects:
    from functions.roll_out_model.kubernetes_objects import KubernetesObjects, cluster_api

    return KubernetesObjects(cluster_api(), settings.serving.namespace, reopen=cluster_api)


def _seldon(settings: Settings) -> Deployer:
    from functions.roll_out_model.seldon_deployer import SeldonDeployer

    serving = settings.serving
    return SeldonDeployer(
        _objects(settings), serving.namespace, settings.seldon, cluster_domain=serving.cluster_domain
    )


def _seldon_v1(settings: Settings) -> Deployer:
    from functions.roll_out_model.seldon_v1_deployer import SeldonV1Deployer

    return SeldonV1Deployer(_objects(settings), settings.serving, settings.seldon)


TARGETS: Mapping[str, Callable[[Settings], Deployer]] = {
    "knative": _knative,
    "kserve": _kserve,
    "seldon": _seldon,
    "seldon-v1": _seldon_v1,
}
