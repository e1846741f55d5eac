"""Runs pipelines in Kubeflow Pipelines, through the REST client that `kfp.Client` is made of.

`kfp.Client` itself cannot name a run, has no time limits, and its constructor waits for a server that is
away. A run's id in Kubeflow follows from ours, so that whoever submits it again finds it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import kfp_server_api as api
import urllib3
from kfp.client import ServiceAccountTokenVolumeCredentials

from pipelines.announcement import UNSAID
from pipelines.engines import Refused, Run, RunState, RunStatus, Unavailable
from pipelines.engines.kubeflow_package import Surroundings, pipeline_of
from pipelines.records import Failure, Fault

_NAMESPACE = uuid.UUID("6f1b7c0e-6a54-5b0c-9d0e-6c6173636164")
_STATES = {
    "SUCCEEDED": RunState.SUCCEEDED,
    "SKIPPED": RunState.SUCCEEDED,
    "FAILED": RunState.FAILED,
    "CANCELED": RunState.CANCELLED,
}
_GOES_ON = ("PENDING", "RUNNING", "PAUSED")
_GONE = (404,)
_OUR_FAULT = (400, 413, 422)
_LOGIN = (401, 403)


@dataclass(frozen=True)
class Connection:
    """How the API server of Kubeflow Pipelines is reached.

    Attributes:
        endpoint: its address, such as `http://ml-pipeline.kubeflow:8888`.
        namespace: of the runs, where Kubeflow has several users; empty where it has one.
        experiment: that the runs belong to; it is made when it is missing.
        service_account: of the steps' pods; empty: Kubeflow's default.
        token_file: a bearer token, read before every request, since it is replaced as it expires.
        cookies: a `Cookie` header, for a login page in front of Kubeflow.
        ca_file: certificates that an HTTPS endpoint is verified with; None: the usual ones.
        pages: the address of the user interface, for links; empty: none are given.
        timeout_s: how long an answer is waited for.
    """

    endpoint: str
    namespace: str = ""
    experiment: str = "kascade"
    service_account: str = ""
    token_file: str | None = None
    cookies: str | None = None
    ca_file: str | None = None
    pages: str = ""
    timeout_s: float = 20.0


class KubeflowEngine:
    """A `TrainingEngine` over the API server of Kubeflow Pipelines (v2beta1)."""

    name = "kubeflow"

    def __init__(self, connection: Connection, surroundings: Surroundings) -> None:
        """Open no connection yet.

        Args:
            surroundings: what the steps' pods get beside their parameters.
        """
        self._connection = connection
        self._surroundings = surroundings
        configuration = api.Configuration(host=connection.endpoint.rstrip("/"))
        configuration.ssl_ca_cert = connection.ca_file
        if connection.token_file is not None:
            configuration.api_key["authorization"] = "read before each request"
            configuration.api_key_prefix["authorization"] = "Bearer"
            credentials = ServiceAccountTokenVolumeCredentials(connection.token_file)
            configuration.refresh_api_key_hook = credentials.refresh_api_key_hook
        client = api.ApiClient(configuration, cookie=connection.cookies)
        client.rest_client.pool_manager.connection_pool_kw["retries"] = False  # whoever calls tries again
        self._runs = api.RunServiceApi(client)
        self._experiments = api.ExperimentServiceApi(client)

    def submit(self, run: Run) -> None:
        """See `TrainingEngine`. One at a time may submit a run: Kubeflow starts it, then looks at its id."""
        pipeline = pipeline_of(run.package, self._surroundings.for_model(run.train))
        if self._find(run.run_id) is not None:
            return
        body = api.V2beta1Run(
            run_id=kubeflow_id(run.run_id),
            experiment_id=self._experiment_id(),
            display_name=run.run_id,
            pipeline_spec=pipeline,
            runtime_config=api.V2beta1RuntimeConfig(parameters=dict(run.parameters)),
            service_account=self._connection.service_account or None,
        )
        create = self._runs.run_service_create_run
        made = self._call("submit the run", create, body, known=(409,), final=True)
        if made is None and self._find(run.run_id) is None:
            raise Unavailable(f"{self._at()} would not submit the run: 409, and it does not have it")
        if made is not None and made.run_id != body.run_id:
            raise Unavailable(f"{self._at()} answered the submission with what is no run")

    def status(self, run_id: str) -> RunStatus:
        """See `TrainingEngine`. A failed run may be retried in Kubeflow, and is then running again."""
        found = self._find(run_id)
        if found is None:
            return RunStatus(RunState.UNKNOWN)
        state = _STATES.get(found.state, RunState.RUNNING)
        return RunStatus(state, failure=self._failure(run_id, found) if state is RunState.FAILED else None)

    def cancel(self, run_id: str) -> None:
        """See `TrainingEngine`. Kubeflow calls a run that was cancelled a failed one."""
        found = self._find(run_id)
        if found is None or found.state in _STATES or found.state == "CANCELING":
            return
        terminate = self._runs.run_service_terminate_run
        done = self._call("cancel the run", terminate, kubeflow_id(run_id), known=(400,))
        if done is not None:
            return
        found = self._find(
            run_id
        )  # one that is being cancelled is refused with 400; at first it has no state
        if found is not None and found.state in _GOES_ON:
            raise Unavailable(f"{self._at()} would not cancel the run, which goes on")

    def page(self, run: Run) -> str | None:
        """Return the address of the run's page, where one is known."""
        return self._page(run.run_id)

    def _page(self, run_id: str) -> str | None:
        pages = self._connection.pages.rstrip("/")
        return f"{pages}/#/runs/details/{kubeflow_id(run_id)}" if pages else None

    def _find(self, run_id: str) -> Any:
        """Return the run as Kubeflow has it; None: it has none of this id."""
        wanted = kubeflow_id(run_id)
        found = self._call("read the run", self._runs.run_service_get_run, wanted, known=_GONE)
        if found is not None and found.run_id != wanted:
            raise Unavailable(f"{self._at()} answered with what is no run: is it the API server of Kubeflow?")
        return found

    def _experiment_id(self) -> str:
        """Return the id of the experiment, which is made when it is missing."""
        for _ in range(2):
            found = self._find_experiment()
            if found is None:
                body = api.V2beta1Experiment(
                    display_name=self._connection.experiment, namespace=self._connection.namespace or None
                )
                create = self._experiments.experiment_service_create_experiment
                found = self._call("make the experiment", create, body, known=(409,))
            if found is not None and found.experiment_id:
                return str(found.experiment_id)
        raise Unavailable(f"{self._at()} has no experiment {self._connection.experiment!r}, and makes none")

    def _find_experiment(self) -> Any:
        name = self._connection.experiment
        namespace: dict[str, Any] = {}
        if self._connection.namespace:
            namespace["namespace"] = self._connection.namespace
        predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
        listed = self._call(
            "look for the experiment",
            self._experiments.experiment_service_list_experiments,
            # The server decodes the filter once more than HTTP does.
            filter=quote(json.dumps({"predicates": [predicate]})),
            **namespace,
        )
        # It compares without regard to case.
        same = (each for each in listed.experiments or [] if each.display_name == name)
        return next(same, None)

    def _failure(self, run_id: str, found: Any) -> Failure:
        message = getattr(found.error, "message", None)
        page = self._page(run_id)
        return replace(
            UNSAID, error=message or UNSAID.error, fix=f"{UNSAID.fix}; {page}" if page else UNSAID.fix
        )

    def _call(
        self,
        what: str,
        method: Callable[..., Any],
        *arguments: Any,
        known: tuple[int, ...] = (),
        final: bool = False,
        **named: Any,
    ) -> Any:
        """Call the server; return None when it answers one of the `known` codes.

        Args:
            final: the call hands the run over, so that the run is at fault for a request that is refused.

        Raises: Unavailable, Refused.
        """
        limits = (self._connection.timeout_s,) * 2  # a single number would be ignored, were it no integer
        try:
            return method(*arguments, _request_timeout=limits, **named)
        except api.exceptions.ApiException as error:
            if error.status in known:
                return None
            raise self._error(what, error, final=final) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(f"{self._at()} does not answer: {error}") from error
        except (ValueError, TypeError) as error:  # an answer that is none of its models
            raise Unavailable(f"{self._at()} answered what cannot be read: {error}") from error

    def _error(self, what: str, error: Any, *, final: bool) -> Exception:
        message = _message(error)
        text = f"{self._at()} would not {what}: {error.status} {message}"
        if error.status in _LOGIN:
            return Unavailable(f"{text}; check the token (KFP_TOKEN_FILE), its audience and its role")
        if final and error.status in _OUR_FAULT:
            fix = "correct the pipeline, or what Kubeflow names here"
            return Refused(Failure("launch", text, fix, Fault.OWNER))
        return Unavailable(text)

    def _at(self) -> str:
        return f"Kubeflow Pipelines at {self._connection.endpoint}"


def kubeflow_id(run_id: str) -> str:
    """Return the id that a run has in Kubeflow: a UUID, since it becomes the value of a label."""
    return str(uuid.uuid5(_NAMESPACE, run_id))


def _message(error: Any) -> str:
    """Return what the server said, on one line."""
    try:
        message = json.loads(error.body)
        text = message.get("message") or message.get("error_message") or error.body
    except (ValueError, TypeError, AttributeError):
        text = error.body or error.reason or ""
    return " ".join(str(text).split())[:500]
