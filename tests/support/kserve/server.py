"""The Kubernetes API in front of the played controllers, over HTTP, with the faults that a test asks for."""

from __future__ import annotations

import copy
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from support.kserve.controller import Controller, Failure
from support.kserve.webhooks import Refusal, admitted
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from knative.local.api.ownership import ApplyConflict, Owners, apply, managed_fields, update
from knative.local.manifests.patching import merge

Json = dict[str, Any]
SERVICES = "inferenceservices"
GROUPS = {
    ("serving.kserve.io", "v1beta1", SERVICES),
    ("serving.kserve.io", "v1alpha1", "servingruntimes"),
    ("serving.knative.dev", "v1", "revisions"),
    ("eventing.knative.dev", "v1", "triggers"),
    ("apps", "v1", "deployments"),
}
_PATH = re.compile(r"/apis/([a-z.]+)/([a-z0-9]+)/namespaces/([a-z-]+)/([a-z]+)(?:/([a-z0-9-]+))?")
_TICK_S = 0.01


class _Quiet(WSGIRequestHandler):
    def log_request(self, *args: Any) -> None:
        """Say nothing: the output is the tests'."""


@dataclass
class Platform:
    """A cluster with KServe in Knative mode.

    Attributes:
        fails: how the container of a revision ends, None for one that becomes ready.
        lag_s: how long the status still shows what was before a change.
        start_s: how long a pod takes to start, or to fail.
        token: that requests must bear; None: any.
        webhook: KServe's manager answers the API.
        mode: what KServe's default is; Standard: there is no Knative Serving.
        image: of KServe's controller.
        forbidden: what the account may not do, as "<verb> <plural>".
        fault: is asked before each request with its method and path, and may raise or wait.
        lost: is asked after each, and says whether its answer is lost.
    """

    fails: Callable[[Json], Failure | None] = lambda container: None
    lag_s: float = 0.05
    start_s: float = 0.05
    token: str | None = None
    webhook: bool = True
    mode: str = "Knative"
    image: str = "kserve/kserve-controller:v0.20.0"
    forbidden: set[str] = field(default_factory=set)
    fault: Callable[[str, str], Response | None] = lambda method, path: None
    lost: Callable[[str, str], bool] = lambda method, path: False
    objects: dict[tuple[str, str], Json] = field(default_factory=dict)
    owners: dict[tuple[str, str], Owners] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self.controller = Controller(self._runtimes, lambda container: self.fails(container), self.start_s)
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._lags = False
        self._seen: dict[str, list[tuple[float, Json]]] = {}

    @contextmanager
    def running(self) -> Iterator[Platform]:
        """Serve the API and let the controllers work."""
        server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_Quiet)
        done = threading.Event()
        self.url = f"http://127.0.0.1:{server.server_port}"
        work = [
            threading.Thread(target=server.serve_forever),
            threading.Thread(target=self._work, args=[done]),
        ]
        for each in work:
            each.start()
        try:
            yield self
        finally:
            done.set()
            server.shutdown()
            for each in work:
                each.join()

    @contextmanager
    def lagging(self) -> Iterator[None]:
        """Let the controllers see nothing of what is written meanwhile; then they see the last of it."""
        with self._lock:
            self._lags = True
        try:
            yield
        finally:
            with self._lock:
                self._lags = False

    def add_runtime(self, name: str) -> None:
        """Make a ServingRuntime be there."""
        self.objects["servingruntimes", name] = {"metadata": {"name": name}}

    def edit(self, name: str, manager: str, patch: Json) -> None:
        """Change an InferenceService as a person does: by a merge patch, under a manager's name."""
        with self._lock:
            self._patch(SERVICES, name, patch, manager)

    def serving(self, model: str) -> dict[int, int]:
        """Return which versions answer now, by percent."""
        return self._versions(model, self.controller.deployments[model].served)

    def history(self, model: str) -> list[dict[int, int]]:
        """Return each split of traffic that there was."""
        found = self.controller.deployments[model]
        return [self._versions(model, shares) for shares in found.history]

    def _versions(self, model: str, shares: dict[str, int]) -> dict[int, int]:
        revisions, found = self.controller.deployments[model].revisions, dict[int, int]()
        for name, share in shares.items():
            version = int(revisions[name].template["labels"].get("kascade.dev/version", 0))
            found[version] = found.get(version, 0) + share
        return found

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        self.asked.append(f"{request.method} {request.path}")
        try:
            answer = self.fault(request.method, request.path) or self._answer(request)
            if self.lost(request.method, request.path):
                answer = Response("", 502)
        except Refusal as error:
            answer = _status(error)
        return answer(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if self.token is not None and request.headers.get("Authorization") != f"Bearer {self.token}":
            raise Refusal(401, "Unauthorized", "Unauthorized")
        found = _PATH.fullmatch(request.path)
        if found is None or (found[1], found[2], found[4]) not in GROUPS or self._is_missing(found[4]):
            return Response("404 page not found\n", 404, mimetype="text/plain")
        plural, name = found[4], found[5]
        verb = {"GET": "get" if name else "list", "POST": "create"}.get(
            request.method, request.method.lower()
        )
        if f"{verb} {plural}" in self.forbidden:
            said = (
                f'{plural}.{found[1]} is forbidden: User "roll-out-model" cannot {verb} resource "{plural}"'
            )
            raise Refusal(403, "Forbidden", said)
        with self._lock:
            return _json(self._do(request, verb, plural, name), 201 if verb == "create" else 200)

    def _is_missing(self, plural: str) -> bool:
        return plural == "revisions" and self.mode == "Standard"

    def _do(self, request: Request, verb: str, plural: str, name: str | None) -> Json:
        match verb:
            case "list":
                return {"items": self._listed(plural, request.args.get("labelSelector", ""))}
            case "get":
                return self._get(plural, str(name))
            case "create":
                body = request.get_json(force=True)
                return self._write(plural, body["metadata"]["name"], body, None)
            case "delete":
                return self._delete(plural, str(name))
        query = parse_qs(request.query_string.decode())
        if request.content_type == "application/apply-patch+yaml":
            body = json.loads(request.get_data())
            return self._apply(plural, str(name), body, query["fieldManager"][0], "force" in query)
        return self._patch(plural, str(name), request.get_json(force=True), "client")

    def _get(self, plural: str, name: str) -> Json:
        found = self._known(plural).get(name)
        if found is None:
            raise Refusal(404, "NotFound", f'{plural} "{name}" not found', name=name, kind=plural)
        return found

    def _known(self, plural: str) -> dict[str, Json]:
        if plural == "deployments":
            containers = [{"name": "manager", "image": self.image}]
            return {"kserve-controller-manager": {"spec": {"template": {"spec": {"containers": containers}}}}}
        if plural != "revisions":
            return {name: body for (kind, name), body in self.objects.items() if kind == plural}
        return {
            revision.name: revision.as_object(f"{found.name}-predictor", number)
            for found in self.controller.deployments.values()
            for number, revision in enumerate(found.revisions.values(), 1)
        }

    def _listed(self, plural: str, selector: str) -> list[Json]:
        wanted = dict(each.split("=") for each in selector.split(",") if each)
        return [
            each
            for each in self._known(plural).values()
            if wanted.items() <= (each["metadata"].get("labels") or {}).items()
        ]

    def _apply(self, plural: str, name: str, body: Json, manager: str, force: bool) -> Json:
        live = self.objects.get((plural, name))
        version = body["metadata"].get("resourceVersion")
        if version and (live is None or live["metadata"]["resourceVersion"] != version):
            raise _modified(plural, name)
        owners = {who: set(paths) for who, paths in self.owners.get((plural, name), {}).items()}
        try:
            after = apply(live or {"metadata": {}}, owners, manager, body, force=force)
        except ApplyConflict as error:
            raise Refusal(409, "Conflict", str(error)) from error
        return self._write(plural, name, after, live, owners)

    def _patch(self, plural: str, name: str, patch: Json, manager: str) -> Json:
        live = self._get(plural, name)
        after = merge(live, patch)
        owners = {who: set(paths) for who, paths in self.owners.get((plural, name), {}).items()}
        update(live, after, owners, manager)
        return self._write(plural, name, after, live, owners)

    def _write(
        self, plural: str, name: str, body: Json, live: Json | None, owners: Owners | None = None
    ) -> Json:
        body = {**body, "metadata": {"namespace": "kascade", **body["metadata"], "name": name}}
        if plural == SERVICES:
            body = admitted(body, answering=self.webhook)
        if live is not None and _content(live) == _content(body):
            return live
        api_version = str(body.get("apiVersion"))
        metadata = {**body["metadata"], "resourceVersion": str(next(self._numbers))}
        metadata["managedFields"] = managed_fields(owners or {}, api_version)
        body = {**body, "metadata": metadata}
        if live is not None and "status" in live:
            body["status"] = live["status"]
        self.objects[plural, name], self.owners[plural, name] = body, owners or {}
        if plural == SERVICES:
            self._seen.setdefault(name, []).append((time.monotonic(), copy.deepcopy(body)))
        return body

    def _delete(self, plural: str, name: str) -> Json:
        self._get(plural, name)
        del self.objects[plural, name]
        if plural == SERVICES:
            self._seen.pop(name, None)
            self.controller.deployments.pop(name, None)
        return {"kind": "Status", "status": "Success"}

    def _runtimes(self) -> set[str]:
        return {name for kind, name in self.objects if kind == "servingruntimes"}

    def _work(self, done: threading.Event) -> None:
        while not done.wait(_TICK_S):
            with self._lock:
                if self.webhook and not self._lags:
                    self._reconcile(time.monotonic())

    def _reconcile(self, now: float) -> None:
        for name, written in self._seen.items():
            seen = [body for at, body in written if at <= now - self.lag_s]
            if not seen:
                continue
            del written[: len(seen) - 1]
            status = self.controller.reconcile(seen[-1], now)
            if self.mode == "Standard":
                status = {"deploymentMode": "Standard", "conditions": [{"type": "Ready", "status": "True"}]}
            live = self.objects[SERVICES, name]
            if live.get("status") != status:
                metadata = {**live["metadata"], "resourceVersion": str(next(self._numbers))}
                self.objects[SERVICES, name] = {**live, "metadata": metadata, "status": status}


def _content(body: Json) -> Json:
    kept = {key: value for key, value in body["metadata"].items() if key in ("labels", "annotations")}
    return {"spec": body.get("spec"), **kept}


def _modified(plural: str, name: str) -> Refusal:
    said = f'Operation cannot be fulfilled on {plural} "{name}": the object has been modified'
    return Refusal(409, "Conflict", said, name=name)


def _json(value: Any, code: int = 200) -> Response:
    return Response(json.dumps(value), code, mimetype="application/json")


def _status(error: Refusal) -> Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": error.message}
    return _json({**body, "reason": error.reason, "details": error.details, "code": error.code}, error.code)
