"""Runs pipelines in Airflow 3, by its REST API (v2). The DAGs are those of `pipelines/airflow/`."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Mapping
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

DAG, CUSTOM_DAG, ASSET_DAG = "kascade_training", "kascade_custom", "kascade_asset"
ASSET_URI, ASSET_KEY = "kascade://training/runs", "kascade_run"
WAITS_FOR_ITS_START = "so it does while a run that an event of the asset led to waits for its start"
PUT_DAGS = "put pipelines/airflow/kascade_training.py into the folder of DAGs"
NO_LOGIN = "where its login gives no tokens to programs, set AIRFLOW_TOKEN_FILE"
_EVENTS = 1000
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
        by_asset: runs are asked for by an event of an asset, and the DAG `kascade_asset` starts them.
        timeout_s: how long an answer is waited for.
    """

    endpoint: str
    user: str = ""
    password_file: str | None = None
    token_file: str | None = None
    ca_file: str | None = None
    pages: str = ""
    by_asset: bool = False
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
        if self._connection.by_asset:
            self._ask_for(run.run_id, conf)
            return
        body = {"dag_run_id": airflow_id(run.run_id), "logical_date": None, "conf": conf, "note": run.run_id}
        self._call("start the run", "POST", f"/dags/{dag}/dagRuns", body, known=(409,), final=True)

    def status(self, run_id: str) -> RunStatus:
        """See `TrainingEngine`. A failed run may be cleared in Airflow, and is then running again."""
        found = self._find(run_id)
        if found is None:
            asked = self._asked_for(run_id)
            found = self._find(run_id) if asked is None else None  # it may have been started meanwhile
            if found is None:
                return asked or RunStatus(RunState.UNKNOWN)
        state = _STATES.get(str(found.get("state")), RunState.RUNNING)
        return RunStatus(state, failure=self._failure(run_id, found) if state is RunState.FAILED else None)

    def cancel(self, run_id: str) -> None:
        """See `TrainingEngine`. Airflow calls a run that was cancelled a failed one."""
        found = self._find(run_id)
        if found is not None and found.get("state") not in _STATES:
            path = f"/dags/{found['dag_id']}/dagRuns/{airflow_id(run_id)}"
            self._call("cancel the run", "PATCH", path, {"state": "failed"}, known=(404, 409))
        asked = self._asked_for(run_id) if found is None else None
        if asked is not None and asked.state is RunState.RUNNING:
            raise Unavailable(f"{self._at()} has not started the run yet: it cannot be cancelled before")

    def page(self, run: Run) -> str | None:
        """Return the address of the run's page."""
        return self._page(DAG if run.package is None else CUSTOM_DAG, run.run_id)

    def _page(self, dag: str, run_id: str) -> str:
        pages = (self._connection.pages or self._connection.endpoint).rstrip("/")
        return f"{pages}/dags/{dag}/runs/{quote(airflow_id(run_id))}"

    def _ask_for(self, run_id: str, conf: Mapping[str, Any]) -> None:
        """Send an event of the asset. However many are sent, they lead to one run.

        `kascade_asset` starts it by its id, which is there once. A paused DAG would lose the event, and that
        is seen before.
        """
        dag = self._call("read the DAG", "GET", f"/dags/{ASSET_DAG}")
        if dag is not None and dag.get("is_paused"):
            raise Unavailable(f"{self._at()} has the DAG {ASSET_DAG} paused: unpause it")
        extra = {ASSET_KEY: airflow_id(run_id), "conf": dict(conf)}
        body = {"asset_id": self._asset_id(), "extra": extra}
        self._call("take an event of the asset", "POST", "/assets/events", body, final=True)

    def _asked_for(self, run_id: str) -> RunStatus | None:
        """Return how far the asset event for a run is; None: there is none, or it is done with.

        Airflow 3.3 lists no events, and answers 500, while a run that one of them led to has not begun: its
        answer must say when that was. So it cannot be told in that moment.
        """
        if not self._connection.by_asset:
            return None
        wanted, asset = airflow_id(run_id), self._asset_id()
        for offset in range(0, _EVENTS, 100):
            path = f"/assets/events?asset_id={asset}&order_by=-timestamp&limit=100&offset={offset}"
            answer = self._call("list events of the asset", "GET", path, known=(500,))
            if answer is None:
                raise Unavailable(f"{self._at()} answered 500: {WAITS_FOR_ITS_START}")
            listed = answer.get("asset_events") or []
            for event in listed:
                if (event.get("extra") or {}).get(ASSET_KEY) == wanted:
                    made = event.get("created_dagruns") or ()
                    return _of_asset_dag({each.get("state") for each in made if each["dag_id"] == ASSET_DAG})
            if len(listed) < 100:
                break
        return None

    def _asset_id(self) -> int:
        path = f"/assets?uri_pattern={quote(ASSET_URI, safe='')}"
        for each in (self._call("list assets", "GET", path) or {}).get("assets") or ():
            if each.get("uri") == ASSET_URI:
                return int(each["id"])
        raise Unavailable(f"{self._at()} knows no asset {ASSET_URI}: {PUT_DAGS}")

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
        said = " ".join(answer.data.decode(errors="replace").split())[:500]
        text = f"{self._at()} would not {what}: {answer.status} {said}"
        if answer.status in _LOGIN:
            return Unavailable(f"{text}; check the account or the token, and its role")
        if answer.status == 404:
            return Unavailable(f"{text}; {missing}")
        if final and answer.status in _OUR_FAULT:
            return Refused(Failure("launch", text, "correct what Airflow names here", Fault.OWNER))
        return Unavailable(text)

    def _at(self) -> str:
        return f"Airflow at {self._connection.endpoint}"


def _of_asset_dag(states: set[Any]) -> RunStatus | None:
    """Say what runs of `kascade_asset` mean for the run that they are to start, which is not there."""
    if "failed" in states:
        fix = f"look at the DAG {ASSET_DAG} in Airflow, then ask for a training again"
        error = f"the DAG {ASSET_DAG}, which starts runs, has failed"
        return RunStatus(RunState.FAILED, failure=Failure("launch", error, fix, Fault.SURROUNDINGS))
    return None if states == {"success"} else RunStatus(RunState.RUNNING)


def airflow_id(run_id: str) -> str:
    """Return the id that a run has in Airflow: ours, where Airflow takes it."""
    if re.fullmatch(r"[A-Za-z0-9_.~:+-]{1,250}", run_id) and run_id not in (".", ".."):
        return run_id
    return str(uuid.uuid5(_NAMESPACE, run_id))
