"""Makes the run that an approval asks for: of our own pipeline, or of the one that model.yaml names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import yaml

from eventing.catalogue import TrainingStarted
from eventing.event import Event, answer
from eventing.store import DigestMismatch, ObjectMissing, Store
from pipelines.announcement import SOURCE, dump_cause, subject_of
from pipelines.engines import Refused, Run
from pipelines.own_code.permission import refuse_code
from pipelines.records import Failure, Fault
from pipelines.request import RunRequest
from pipelines.spec import SpecError, Train, parse_spec

NO_PIPELINE = Failure(
    step="launch",
    error="train.pipeline is no compiled Kubeflow pipeline: it lacks `root` or is no YAML",
    fix="write it with kfp.compiler.Compiler().compile(...) and upload the YAML",
    fault=Fault.OWNER,
)


def prepare_run(
    store: Store,
    event: Event,
    request: RunRequest,
    *,
    attempt: str,
    started: datetime,
    last: bool,
    allow_code: bool,
) -> Run:
    """Return the run of our own pipeline, or of the one that the spec names.

    Args:
        event: the approval; what the run announces answers it.
        attempt: names this attempt at the run.
        started: when the attempt begins.
        last: whether nobody tries again when the surroundings fail.
        allow_code: whether a spec's own code or pipeline may be run.

    Raises: Refused; StoreUnavailable.
    """
    given = {
        **request.to_parameters(),
        "attempt": attempt,
        "cause": dump_cause(event),
        "started": started.isoformat(),
        "last": last,
    }
    if request.registered is not None:
        return Run(request.run_id, given)
    train, package = _wanted(store, request, allow_code)
    if package is None:
        return Run(request.run_id, given, train=train)
    parameters, missing = fill_parameters(declared_parameters(package) or {}, given)
    if missing:
        raise Refused(unknown_parameters(missing))
    return Run(request.run_id, parameters, package, train)


def started_event(event: Event, request: RunRequest, launcher: str, run_url: str | None = None) -> Event:
    """Build `training.started`."""
    payload = TrainingStarted(
        model=request.model,
        version=request.version,
        run_id=request.run_id,
        launcher=launcher,
        run_url=run_url,
    )
    return answer(event, TrainingStarted.type, SOURCE, subject_of(request), payload)


def declared_parameters(package: bytes) -> Mapping[str, Any] | None:
    """Return the parameters that a compiled pipeline declares; None when it is no compiled pipeline.

    Options of a platform, such as those of kfp-kubernetes, follow as a second YAML document.
    """
    try:
        pipeline, *_ = yaml.safe_load_all(package)
        root = pipeline["root"]
        return dict((root.get("inputDefinitions") or {}).get("parameters") or {})
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError):
        return None


def fill_parameters(
    declared: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[dict[str, Any], Sequence[str]]:
    """Return the parameters that a custom pipeline declares, and the names it needs that are not given.

    Args:
        declared: the `root.inputDefinitions.parameters` of its compiled YAML.
    """
    missing = [
        name
        for name, definition in declared.items()
        if name not in given and not definition.get("isOptional") and "defaultValue" not in definition
    ]
    return {name: given[name] for name in declared if name in given}, missing


def unknown_parameters(names: Sequence[str]) -> Failure:
    """Say that a custom pipeline asks for what a run does not have."""
    return Failure(
        "launch",
        f"the custom pipeline needs parameters that a run does not have: {', '.join(names)}",
        "give them defaults, or use the names in functions/run_training/README.md",
        Fault.OWNER,
    )


def _wanted(store: Store, request: RunRequest, allowed: bool) -> tuple[Train, bytes | None]:
    """Return what the spec says of training, and the compiled pipeline that it names. Raises: Refused."""
    try:
        spec = parse_spec(store.get(request.spec.uri, request.spec.sha256), model=request.model)
        if not allowed and (problem := next(iter(refuse_code(spec)), None)) is not None:
            text = f"{problem.where}: {problem.problem}"
            raise Refused(Failure("launch", text, problem.fix, Fault.OWNER))
        if spec.train.pipeline is None:
            return spec.train, None
        return spec.train, store.get(spec.train.pipeline)
    except (SpecError, ObjectMissing, DigestMismatch) as error:
        fix = "correct model.yaml and drop it again"
        raise Refused(Failure("launch", str(error), fix, Fault.OWNER)) from error
