"""Runs one component of the training pipeline as a process of its own, for an engine that is not Kubeflow.

What the components hand on passes through the object store, under `<output>/steps/<attempt>/`: an artifact as
a tar, a value as JSON. The announcement removes it. Any machine may run any step, and a step may be repeated.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kfp import dsl

from eventing.store import ObjectMissing, S3Store
from pipelines.components import announce, data, models

COMPONENTS = {
    component.name: component
    for component in (
        data.extract,
        data.check,
        data.features,
        models.experiment,
        models.select,
        models.refit,
        models.evaluate,
        models.export,
        announce.announce,
    )
}
VALUES = {"select": {"metric": "check"}}
"""Parameters of a component that are another one's value."""

_UNTOLD = dsl.PipelineTaskFinalStatus("as its files say", "", "", None, None)


def run_step(name: str, parameters: Mapping[str, Any], index: str | None, store: S3Store) -> Any:
    """Run a component; return its value, None where it has none.

    Args:
        name: of the component.
        parameters: the pipeline's.
        index: which of the parallel experiments.

    Raises: what the step raises; StoreError.
    """
    component = COMPONENTS[name]
    work = f"{parameters['output']}/steps/{parameters['attempt']}"
    given: dict[str, Any] = {
        "registered": "",  # which a run of an earlier release does not say
        "code": "",
        **parameters,
        "index": index,
        "status": _UNTOLD,
    }
    for parameter, source in VALUES.get(name, {}).items():
        given[parameter] = json.loads(store.get(f"{work}/{source}.json"))
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = component.component_spec.inputs or {}, component.component_spec.outputs or {}
        for each, declared in inputs.items():
            if declared.is_artifact_list:
                given[each] = _read_every(store, work, each, Path(folder))
            elif declared.type.startswith("system."):
                given[each] = _read(store, f"{work}/{each}.tar", Path(folder) / each)
        made = {each for each, declared in outputs.items() if declared.type.startswith("system.")}
        for each in made:
            given[each] = _artifact(Path(folder) / "out" / each)
        (Path(folder) / "out").mkdir()
        value = component.python_func(**{each: given[each] for each in (*inputs, *made)})
        suffix = "" if index is None else f"-{index}"
        for each in made:
            _write(store, f"{work}/{each}{suffix}.tar", Path(given[each].path))
    if value is not None:
        store.put(f"{work}/{name}.json", json.dumps(value).encode())
    return value


def clear(parameters: Mapping[str, Any], store: S3Store) -> None:
    """Remove what the components of a run handed on."""
    for each in list(store.list(f"{parameters['output']}/steps/{parameters['attempt']}/")):
        store.remove(each.uri)


def _artifact(path: Path) -> Any:
    found = dsl.Artifact(uri=str(path))
    found.log_metric = lambda *_: None  # the card has them
    return found


def _read_every(store: S3Store, work: str, name: str, folder: Path) -> list[Any]:
    """Return an artifact that parallel experiments made one by one, in their order."""
    found: list[Any] = []
    while True:
        position = len(found)
        try:
            found.append(_read(store, f"{work}/{name}-{position}.tar", folder / f"{name}-{position}"))
        except ObjectMissing:
            return found


def _read(store: S3Store, uri: str, path: Path) -> Any:
    with store.open(uri) as stream, tarfile.open(fileobj=stream, mode="r|") as packed:
        packed.extractall(path.parent / f"{path.name}.in", filter="data")
    return _artifact(path.parent / f"{path.name}.in" / "it")


def _write(store: S3Store, uri: str, path: Path) -> None:
    if not path.exists():  # an artifact of figures alone
        return
    with tempfile.TemporaryFile() as packed:
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(path, arcname="it")
        packed.seek(0)
        store.put(uri, packed)
