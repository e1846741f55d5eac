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


def _objects(settings: Settings) -> KubernetesObjects:
    from functions.roll_out_model.kubernetes_objects import KubernetesObjects, cluster_api

    return KubernetesObjects(cluster_api(), settings.serving.namespace, reopen=cluster_api)


TARGETS: Mapping[str, Callable[[Settings], Deployer]] = {"knative": _knative}
