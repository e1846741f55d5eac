"""The trainings of the demonstration in a real Airflow beside the system."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

import knative
from kascade.system.airflow import USER, LocalAirflow, find_airflow
from kascade.system.home import NAMESPACE, Home

ROLLOUT_IN_AIRFLOW_S = 900.0
"""How long a rollout may take, its training included: Airflow starts a process for each step of it."""
_KNATIVE = Path(knative.__file__).parent


class AirflowBeside:
    """Manifests that hand trainings to an Airflow, and that Airflow."""

    def __init__(self, folder: Path) -> None:
        self._airflow = LocalAirflow(find_airflow(), folder / "airflow")
        self.manifests = folder / "manifests"
        self.manifests.mkdir()
        settings = {
            "TRAINING_ENGINE": "airflow",
            "AIRFLOW_ENDPOINT": self._airflow.url,
            "AIRFLOW_USER": USER,
            "AIRFLOW_PASSWORD_FILE": str(self._airflow.password_file),
        }
        config = _object("v1", "ConfigMap", metadata={"name": "training-engine", "namespace": NAMESPACE})
        (self.manifests / "training-engine.yaml").write_text(yaml.safe_dump({**config, "data": settings}))
        tree = _object(
            "kustomize.config.k8s.io/v1beta1",
            "Kustomization",
            resources=[str(_KNATIVE / "overlays" / "local"), "training-engine.yaml"],
            components=[str(_KNATIVE / "components" / "launch-training")],
        )
        (self.manifests / "kustomization.yaml").write_text(yaml.safe_dump(tree))

    def start(self, home: Home) -> str:
        """Start Airflow beside a system that is up; return its address."""
        self._airflow.start({**home.store_environment(), "K_SINK": home.endpoints().broker})
        return self._airflow.url

    def stop(self) -> None:
        """End it."""
        self._airflow.stop()


@contextmanager
def airflow_beside() -> Iterator[AirflowBeside]:
    """Prepare an Airflow in a folder that is removed again; it has ended when the block does."""
    with tempfile.TemporaryDirectory(prefix="kascade-airflow-", ignore_cleanup_errors=True) as folder:
        beside = AirflowBeside(Path(folder))
        try:
            yield beside
        finally:
            beside.stop()


def _object(version: str, kind: str, **content: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, **content}
