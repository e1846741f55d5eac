"""MLflow's tracking server, by its client: what is logged is looked for first, so nothing is there twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from requests.exceptions import RequestException

from eventing.errors import RetryLater
from functions.log_experiments.logic import EXPERIMENT, RUN_ID, Logged

FINISHED, FAILED = "FINISHED", "FAILED"
_PARENT = "mlflow.parentRunId"
_AFTER_S = 30.0
_BATCH = 100


class Tracking:
    """Logs runs within a deadline. Every method may be repeated.

    All raise RetryLater where MLflow does not answer, refuses, or takes too long: what has been logged by
    then is found by the next delivery.
    """

    def __init__(self, uri: str, *, deadline_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = MlflowClient(tracking_uri=uri)
        parts = urlsplit(uri)
        self._at = f"MLflow at {parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
        self._clock = clock
        self._until = clock() + deadline_s

    def experiment(self, name: str) -> str:
        """Return the id of an experiment; it is made when it is missing."""
        found = self._call("read the experiment", lambda: self._client.get_experiment_by_name(name))
        if found is None:
            try:
                return str(self._call("make the experiment", lambda: self._client.create_experiment(name)))
            except RetryLater:
                found = self._call("read the experiment", lambda: self._client.get_experiment_by_name(name))
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            raise RetryLater(f"{self._at}: the experiment {name!r} is deleted; restore it", _AFTER_S)
        return str(found.experiment_id)

    def open(self, experiment: str, logged: Logged) -> tuple[str, str]:
        """Return the id and the status of a training's run; it is begun when it is missing."""
        found = self._runs(experiment, RUN_ID, logged.key)
        if not found:
            self._begin(experiment, logged, {RUN_ID: logged.key})
            found = self._runs(experiment, RUN_ID, logged.key)
        if not found:
            raise RetryLater(f"{self._at} does not list the run that it has begun", _AFTER_S)
        kept = self._first_of(found)
        return kept.info.run_id, kept.info.status

    def below(self, experiment: str, parent: str) -> dict[str, tuple[str, str]]:
        """Return the ids and the statuses of the experiments' runs that a run has, by their keys."""
        by_key: dict[str, list[Any]] = {}
        for run in self._runs(experiment, _PARENT, parent):
            by_key.setdefault(run.data.tags.get(EXPERIMENT, ""), []).append(run)
        kept = {key: self._first_of(runs) for key, runs in by_key.items()}
        return {key: (run.info.run_id, run.info.status) for key, run in kept.items()}

    def _first_of(self, runs: list[Any]) -> Any:
        """Return the first of runs that are the same one, and delete the others.

        Two deliveries at once begin two. Who writes to a deleted one is refused, and finds the other later.
        """
        for other in runs[1:]:
            self._call("take a run back", partial(self._client.delete_run, other.info.run_id))
        return runs[0]

    def open_below(self, experiment: str, parent: str, logged: Logged) -> str:
        """Begin the run of an experiment."""
        return self._begin(experiment, logged, {EXPERIMENT: logged.key, _PARENT: parent})

    def fill(self, run_id: str, logged: Logged) -> None:
        """Log tags, parameters and metrics: a value of a moment is there once, however often it is logged."""
        at = logged.ended_ms
        metrics = [Metric(name, value, at, 0) for name, value in logged.metrics.items()]
        for name, values in logged.steps.items():
            metrics += [Metric(name, value, at, step) for step, value in enumerate(values)]
        tags = [RunTag(name, value) for name, value in logged.tags.items()]
        parameters = [Param(name, value) for name, value in logged.parameters.items()]
        entries: dict[str, list[Any]] = {"tags": tags, "params": parameters, "metrics": metrics}
        for kind, every in entries.items():
            for start in range(0, len(every), _BATCH):
                part: dict[str, Any] = {kind: every[start : start + _BATCH]}
                self._call(f"take {kind}", partial(self._client.log_batch, run_id, **part))

    def add_file(self, run_id: str, file: Path, folder: str) -> None:
        """Upload a file of a run."""
        self._call("take a file", lambda: self._client.log_artifact(run_id, str(file), folder))

    def end(self, run_id: str, logged: Logged) -> None:
        """Say that a run has ended, last of all."""
        status = FAILED if logged.failed else FINISHED
        self._call("end the run", lambda: self._client.set_terminated(run_id, status, logged.ended_ms))

    def _begin(self, experiment: str, logged: Logged, key: Mapping[str, str]) -> str:
        run = self._call(
            "begin a run",
            lambda: self._client.create_run(
                experiment, logged.started_ms, {**key, **logged.tags}, logged.name
            ),
        )
        return str(run.info.run_id)

    def _runs(self, experiment: str, tag: str, value: str) -> list[Any]:
        """Return the runs that have a tag, in an order that never changes."""
        query = f"tags.`{tag}` = '{value}'"
        found = self._call(
            "list runs", lambda: self._client.search_runs([experiment], query, max_results=1000)
        )
        return sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))

    def _call(self, what: str, call: Callable[[], Any]) -> Any:
        with self._answering(what):
            return call()

    @contextmanager
    def _answering(self, what: str) -> Iterator[None]:
        if self._clock() > self._until:
            raise RetryLater(f"{self._at} is slow; what is logged so far is found again", _AFTER_S)
        try:
            yield
        except (MlflowException, RequestException, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            raise RetryLater(f"{self._at} would not {what}: {reason}", _AFTER_S) from error
