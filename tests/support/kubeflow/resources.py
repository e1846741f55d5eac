"""Experiments and runs, with the rules of the real server and the orders in which it does things."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import kfp_server_api as api
from support.kubeflow.workflows import Cluster, Workflow

NEVER = "1970-01-01T00:00:00Z"
STATELESS_S = 0.3
"""A run has no state at first: about a second in the real server."""
_TYPES = {
    "STRING": str,
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": bool,
    "LIST": list,
    "STRUCT": dict,
}


@dataclass
class Answer:
    """An answer of the server."""

    status: int
    body: bytes
    content_type: str = "application/json"

    @classmethod
    def of(cls, model: Any) -> Answer:
        """Return an answer that one of the API's models describes; what is empty is left out."""
        return cls(200, json.dumps(_without_zeros(_CLIENT.sanitize_for_serialization(model))).encode())

    @classmethod
    def error(cls, status: int, code: int, message: str) -> Answer:
        """Return an error in the server's form."""
        return cls(status, json.dumps({"code": code, "message": message, "details": []}).encode())


class Refusal(Exception):
    """The request is not taken."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = Answer.error(status, 3 if status == 400 else 13, message)


@dataclass
class RunRow:
    """A run in the database."""

    run: Any
    created: float
    workflow: Workflow
    canceling: bool = False
    final: str | None = None

    def state(self) -> str | None:
        """Return its state; None: it has none yet."""
        if self.final is None and self.workflow.exit_code is not None:
            self.final = "SUCCEEDED" if self.workflow.exit_code == 0 else "FAILED"
        if self.final is not None:
            return self.final
        if time.monotonic() - self.created < STATELESS_S:
            return None
        return "CANCELING" if self.canceling else "RUNNING"


@dataclass
class Resources:
    """The database and the cluster behind it."""

    folder: Path
    cluster: Cluster
    experiments: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, RunRow] = field(default_factory=dict)
    workflows: list[Workflow] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def close(self) -> None:
        """End everything that runs."""
        for workflow in self.workflows:
            workflow.kill()

    def healthz(self, query: Mapping[str, str], body: bytes) -> Answer:
        """Say that the process lives, whatever its database does."""
        return Answer.of(api.V2beta1GetHealthzResponse(multi_user=False))

    def create_experiment(self, query: Mapping[str, str], body: bytes) -> Answer:
        """Make an experiment; its name is taken once."""
        try:
            given = _read(body, api.V2beta1Experiment)
        except Refusal as error:
            return error.answer
        with self.lock:
            if any(each.display_name == given.display_name for each in self.experiments.values()):
                return Answer.error(
                    409, 6, f"Failed to create experiment {given.display_name}. Already exists"
                )
            made = api.V2beta1Experiment(
                experiment_id=str(uuid.uuid4()), display_name=given.display_name, created_at=_now()
            )
            self.experiments[made.experiment_id] = made
        return Answer.of(made)

    def list_experiments(self, query: Mapping[str, str], body: bytes) -> Answer:
        """List those that a filter lets through; it is decoded once more, and knows no case."""
        predicates = json.loads(unquote(query["filter"]))["predicates"] if "filter" in query else []
        wanted = [each["stringValue"].lower() for each in predicates]
        found = [
            each
            for each in self.experiments.values()
            if all(each.display_name.lower() == value for value in wanted)
        ]
        return Answer.of(api.V2beta1ListExperimentsResponse(experiments=found, total_size=len(found)))

    def create_run(self, query: Mapping[str, str], body: bytes) -> Answer:
        """Start a workflow, and only then see whether the run's row can be written."""
        try:
            given = _read(body, api.V2beta1Run)
            spec, platform, parameters = _checked(given)
        except Refusal as error:
            return error.answer
        run_id = given.run_id or str(uuid.uuid4())
        with self.lock:
            folder = self.folder / f"workflow-{len(self.workflows)}"
            values = {
                name: value.replace("[[RunUUID]]", run_id) if isinstance(value, str) else value
                for name, value in parameters.items()
            }
            workflow = Workflow(folder, spec, values, self.cluster.environment(platform))
            self.workflows.append(workflow)
            if len(given.display_name) > 255:
                return Answer.error(500, 13, "Data too long for column 'DisplayName' at row 1")
            if run_id in self.runs:
                return Answer.error(500, 13, f"Error 1062: Duplicate entry '{run_id}' for key 'PRIMARY'")
            given.run_id, given.created_at = run_id, _now()
            self.runs[run_id] = RunRow(given, time.monotonic(), workflow)
        return self.get_run(query, b"", run_id)

    def get_run(self, query: Mapping[str, str], body: bytes, run_id: str) -> Answer:
        """Return a run; `error` says nothing, and it ended in 1970 until it ends."""
        row = self.runs.get(run_id)
        if row is None:
            return Answer.error(404, 5, f"Failed to get a run: Run {run_id} not found")
        state = row.state()
        found = api.V2beta1Run(
            run_id=run_id,
            experiment_id=row.run.experiment_id,
            display_name=row.run.display_name,
            storage_state="AVAILABLE",
            created_at=row.run.created_at,
            finished_at=_now() if row.final else NEVER,
            state=state,
            runtime_config=row.run.runtime_config,
            service_account=row.run.service_account or "pipeline-runner",
        )
        return Answer.of(found)

    def terminate_run(self, query: Mapping[str, str], body: bytes, run_id: str) -> Answer:
        """Begin to end a run: it will have failed."""
        row = self.runs.get(run_id)
        if row is None:
            return Answer.error(404, 5, f"Run {run_id} not found")
        if row.canceling or row.state() in ("SUCCEEDED", "FAILED"):
            return Answer.error(400, 3, "Failed to terminate a run: Row not found")
        row.canceling = True

        def end() -> None:
            row.workflow.kill()
            row.final = "FAILED"

        threading.Timer(0.2, end).start()
        return Answer(200, b"{}")

    def retry_run(self, query: Mapping[str, str], body: bytes, run_id: str) -> Answer:
        """Run a failed run again, under the same id."""
        row = self.runs[run_id]
        if row.state() != "FAILED":
            return Answer.error(400, 3, "Only failed or terminated runs can be retried")
        spec, platform, parameters = _checked(row.run)
        with self.lock:
            folder = self.folder / f"workflow-{len(self.workflows)}"
            row.workflow = Workflow(folder, spec, parameters, self.cluster.environment(platform))
            self.workflows.append(row.workflow)
        row.final, row.canceling = None, False
        return Answer(200, b"{}")


_CLIENT = api.ApiClient()


class _Body:
    def __init__(self, text: str) -> None:
        self.data = text


def _read(body: bytes, model: type[Any]) -> Any:
    """Read a request by its model; a field that the model has not is refused, whatever is within."""
    text = body.decode()
    if any(ord(letter) > 0xFFFF for letter in json.dumps(json.loads(text), ensure_ascii=False)):
        raise Refusal(500, "Incorrect string value")  # the database holds three bytes a letter
    known = set(model.attribute_map.values())
    for name in json.loads(text):
        if name not in known:
            raise Refusal(400, f'unknown field "{name}" in {model.__name__}')
    return _CLIENT.deserialize(_Body(text), model.__name__)


def _checked(run: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return pipeline, platform's document and arguments of a run. Raises: Refusal."""
    if not run.display_name:
        raise Refusal(500, "The run name is empty. Please specify a valid name")
    spec = run.pipeline_spec
    platform: dict[str, Any] = {}
    if isinstance(spec, dict) and "pipeline_spec" in spec:
        spec, platform = spec["pipeline_spec"], spec.get("platform_spec") or {}
    if not isinstance(spec, dict) or "root" not in spec or "pipelineInfo" not in spec:
        raise Refusal(500, "Failed to fetch a template with an invalid pipeline spec manifest")
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    given = dict((run.runtime_config.parameters if run.runtime_config else None) or {})
    for name in given:
        if name not in declared:
            raise Refusal(400, f"parameter {name} is not in the pipeline's input definitions")
    for name, definition in declared.items():
        optional = definition.get("isOptional") or "defaultValue" in definition
        if name not in given and not optional:
            raise Refusal(
                400, f"parameter {name} is not optional, yet has neither default value nor user provided"
            )
        if name in given:
            _check_argument(name, given[name], definition["parameterType"])
    return spec, platform, given


def _check_argument(name: str, value: Any, type_: str) -> None:
    wrong = not isinstance(value, _TYPES[type_]) or (isinstance(value, bool) and type_ != "BOOLEAN")
    if value is None or wrong:
        raise Refusal(400, f"parameter {name} requires type {type_}: got {value!r}")
    if isinstance(value, str) and "{{" in value and "}}" in value:
        raise Refusal(500, f"failed to resolve {value}")


def _without_zeros(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _without_zeros(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each not in (None, "", 0, [], {})}
    return value


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
