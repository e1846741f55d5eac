"""Runs pipelines in Airflow 3, by its REST API (v2). The DAGs are those of `pipelines/airflow/`."""

from __future__ import annotations

import base64
import json
import re
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3

from pipelines.announcement import UNSAID
from pipelines.engines import Refused, Run, RunState, RunStatus, Unavailable
from pipelines.engines.model_limits import warn_of_ignored_limits
from pipelines.engines.prepare import NO_PIPELINE, declared_parameters
from pipelines.records import Failure, Fault

DAG, CUSTOM_DAG = "kascade_training", "kascade_custom"
PUT_DAGS = "put pipelines/airflow/kascade_training.py into the folder of DAGs"
NO_LOGIN = "where its login gives no tokens to programs, set AIRFLOW_TOKEN_FILE"
_NAMESPACE = uuid.UUID("0d3b0c52-9b5e-5c0e-8a0c-616972666c6f")
_STATES = {"success": RunState.SUCCEEDED, "failed": RunState.FAILED}
_OUR_FAULT = (400, 413, 422)
_LOGIN = (401, 403)


@dataclass(frozen=True)
class Connection:
    """How Airflow's API server is reached.

    Attributes:
        endpoint: its address, such as `http://airflow-api-server.airflow:8080`.
        user, password_file: of an account, for which Airflow gives a token; None: `token_file` has one.
        token_file: a bearer token, read before every request.
        ca_file: certificates that an HTTPS endpoint is verified with; None: the usual ones.
        pages: the address of the user interface, as a browser reaches it; empty: the endpoint's.
        timeout_s: how long an answer is waited for.
    """

    endpoint: str
    user: str = ""
    password_file: str | None = None
    token_file: str | None = None
    ca_file: str | None = None
    pages: str = ""
    timeout_s: float = 20.0


class AirflowEngine:
    """A `TrainingEngine` over Airflow: a run is a run of a DAG, whose id follows from ours."""

    name = "airflow"

    def __init__(self, connection: Connection) -> None:
        """Open no connection yet."""
        self._connection = connection
        self._pool = urllib3.PoolManager(retries=False, ca_certs=connection.ca_file)
        self._token: str | None = None

    def submit(self, run: Run) -> None:
        """See `TrainingEngine`. A run whose id Airflow has is answered 409, however many submit it."""
        conf: dict[str, Any] = {"parameters": dict(run.parameters)}
        dag = DAG
        if run.package is not None:
            if declared_parameters(run.package) is None:
                raise Refused(NO_PIPELINE)
            conf["package"], dag = base64.b64encode(run.package).decode(), CUSTOM_DAG
        if self._find(run.run_id) is not None:
            return
        warn_of_ignored_limits(run)
        body = {"dag_run_id": airflow_id(run.run_id), "logical_date": None, "conf": conf, "note": run.run_id}
        made = self._call("start the run", "POST", f"/dags/{dag}/dagRuns", body, known=(409,), final=True)
        if made is None and self._find(run.run_id) is None:
            raise Unavailable(f"{self._at()} would not start the run: 409, and it does not have it")

    def status(self, run_id: str) -> RunStatus:
        """See `TrainingEngine`. A failed run may be cleared in Airflow, and is then running again."""
        found = self._find(run_id)
        if found is None:
            return RunStatus(RunState.UNKNOWN)
        state = _STATES.get(str(found.get("state")), RunState.RUNNING)
        return RunStatus(state, failure=self._failure(run_id, found) if state is RunState.FAILED else None)

    def cancel(self, run_id: str) -> None:
        """See `TrainingEngine`. Airflow calls a run that was cancelled a failed one."""
        found = self._find(run_id)
        if found is not None and found.get("state") not in _STATES:
            path = f"/dags/{found['dag_id']}/dagRuns/{airflow_id(run_id)}"
            done = self._call("cancel the run", "PATCH", path, {"state": "failed"}, known=(404, 409))
            if done is None and self.status(run_id).state is RunState.RUNNING:
                raise Unavailable(f"{self._at()} would not cancel the run, which goes on")

    def page(self, run: Run) -> str | None:
        """Return the address of the run's page."""
        return self._page(DAG if run.package is None else CUSTOM_DAG, run.run_id)

    def _page(self, dag: str, run_id: str) -> str:
        pages = (self._connection.pages or self._connection.endpoint).rstrip("/")
        return f"{pages}/dags/{dag}/runs/{quote(airflow_id(run_id))}"

    def _find(self, run_id: str) -> dict[str, Any] | None:
        """Return the run as Airflow has it; None: it has none of this id."""
        for dag in (DAG, CUSTOM_DAG):
            path = f"/dags/{dag}/dagRuns/{quote(airflow_id(run_id))}"
            found = self._call("read the run", "GET", path, known=(404,))
            if found is not None:
                return found
        return None

    def _failure(self, run_id: str, found: dict[str, Any]) -> Failure:
        return replace(UNSAID, fix=f"{UNSAID.fix}; {self._page(found['dag_id'], run_id)}")

    def _call(
        self,
        what: str,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        known: tuple[int, ...] = (),
        final: bool = False,
    ) -> dict[str, Any] | None:
        """Call the API; return None when it answers one of the `known` codes.

        Args:
            final: the call hands the run over, so that the run is at fault for a request that is refused.

        Raises: Unavailable, Refused.
        """
        answer = self._ask(method, f"/api/v2{path}", body, self._bearer())
        if answer.status == 401:  # tokens expire
            self._token = None
            answer = self._ask(method, f"/api/v2{path}", body, self._bearer())
        if answer.status in known:
            return None
        if answer.status >= 300:
            raise self._error(what, answer, final=final)
        return self._object(answer)

    def _bearer(self) -> str | None:
        """Return a token; None where none is needed. Raises: Unavailable."""
        connection = self._connection
        try:
            if connection.token_file is not None:
                return Path(connection.token_file).read_text().strip()
            if connection.password_file is None:
                return None
            if self._token is None:
                password = Path(connection.password_file).read_text().strip()
                account = {"username": connection.user, "password": password}
                answer = self._ask("POST", "/auth/token", account, None)
                if answer.status >= 300:
                    raise self._error("give a token", answer, missing=NO_LOGIN)
                self._token = str(self._object(answer).get("access_token"))
        except OSError as error:
            raise Unavailable(f"the token for {self._at()} cannot be read: {error}") from error
        return self._token

    def _ask(self, method: str, path: str, body: dict[str, Any] | None, bearer: str | None) -> Any:
        url = self._connection.endpoint.rstrip("/") + path
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        try:
            return self._pool.request(
                method, url, json=body, headers=headers, timeout=self._connection.timeout_s
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(f"{self._at()} does not answer: {error}") from error

    def _object(self, answer: Any) -> dict[str, Any]:
        try:
            found = json.loads(answer.data)
        except ValueError as error:
            raise Unavailable(f"{self._at()} answered what is no JSON: is it Airflow's API?") from error
        if not isinstance(found, dict):
            raise Unavailable(f"{self._at()} answered what is no object: is it Airflow's API?")
        return found

    def _error(self, what: str, answer: Any, *, final: bool = False, missing: str = PUT_DAGS) -> Exception:
        reply = " ".join(answer.data.decode(errors="replace").split())[:500]
        text = f"{self._at()} would not {what}: {answer.status} {reply}"
        if answer.status in _LOGIN:
            return Unavailable(f"{text}; check the account or the token, and its role")
        if answer.status == 404:
            return Unavailable(f"{text}; {missing}")
        if final and answer.status in _OUR_FAULT:
            return Refused(Failure("launch", text, "correct what Airflow names here", Fault.OWNER))
        return Unavailable(text)

    def _at(self) -> str:
        return f"Airflow at {self._connection.endpoint}"


def airflow_id(run_id: str) -> str:
    """Return the id that a run has in Airflow: ours, where Airflow takes it."""
    if re.fullmatch(r"[A-Za-z0-9_.~:+-]{1,250}", run_id) and run_id not in (".", ".."):
        return run_id
    return str(uuid.uuid5(_NAMESPACE, run_id))
