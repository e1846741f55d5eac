"""A Kubernetes API server as far as the command line needs one; it refuses what a real one refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request, Response

_OBJECT = re.compile(r"/apis/([a-z.]+)/v1/namespaces/([a-z-]+)/([a-z]+)(?:/([a-z-]+))?")
_PROXY = re.compile(r"/api/v1/namespaces/([a-z-]+)/services/([a-z0-9:-]+)/proxy(/.*)?")
_NAMESPACE = re.compile(r"/api/v1/namespaces/([a-z-]+)")
BROKER = "http://broker-ingress.knative-eventing.svc.cluster.local/kascade/default"


def ready(status: str = "True", **told: Any) -> list[dict[str, Any]]:
    return [{"type": "Other", "status": "True"}, {"type": "Ready", "status": status, **told}]


@dataclass
class ApiServer:
    """Serves some objects, and leads to pods.

    Attributes:
        functions: returns a function's application by its name and the path that is asked for.
        broker: the application behind the Broker's Kubernetes Service.
        objects: by plural and name, of the namespace kascade.
        forbidden: what may not be done, as "<verb> <resource>".
        installed: the API groups that are there.
        collected: revisions that a Service still names and that are gone.
    """

    functions: Callable[[str, str], Any]
    broker: Any
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    installed: set[str] = field(default_factory=lambda: {"serving.knative.dev", "eventing.knative.dev"})
    collected: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.objects["brokers default"] = {"status": {"address": {"url": BROKER}, "conditions": ready()}}
        for name in ("record-events", "log-inferences", "govern-training"):
            self.add_function(name)

    def add_function(self, name: str, *revisions: tuple[str, int]) -> None:
        shares = revisions or ((f"{name}-00001", 100),)
        traffic = [{"revisionName": revision, "percent": percent} for revision, percent in shares]
        self.objects[f"services {name}"] = {"status": {"traffic": traffic, "conditions": ready()}}

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        self.asked.append(f"{request.method} {request.path}")
        if (found := _OBJECT.fullmatch(request.path)) is not None:
            answer = self._object(*found.groups())
        elif (found := _PROXY.fullmatch(request.path)) is not None:
            answer = self._proxied(request, found[1], found[2], found[3] or "")
            environ["PATH_INFO"] = found[3] or ""
        elif (found := _NAMESPACE.fullmatch(request.path)) is not None:
            known = found[1] in ("kascade", "default")
            answer = self._allowed("get namespaces") or (
                _json({}) if known else _status(404, "NotFound", "no")
            )
        else:
            answer = _not_found()
        return answer(environ, start_response)

    def _object(self, group: str, namespace: str, plural: str, name: str | None) -> Any:
        if group not in self.installed:
            return _not_found()
        if (refused := self._allowed(f"{'get' if name else 'list'} {plural}.{group}")) is not None:
            return refused
        if name is None:
            named = [
                (key.partition(" ")[2], each) for key, each in self.objects.items() if key.startswith(plural)
            ]
            there = named if namespace == "kascade" else []
            return _json({"items": [{"metadata": {"name": name}, **each} for name, each in there]})
        found = self.objects.get(f"{plural} {name}") if namespace == "kascade" else None
        if found is None:
            return _status(404, "NotFound", f'{plural}.{group} "{name}" not found')
        return _json(found)

    def _proxied(self, request: Request, namespace: str, service: str, path: str) -> Any:
        verb = "get" if request.method == "GET" else "create"
        if (refused := self._allowed(f"{verb} services/proxy")) is not None:
            return refused
        if (namespace, service) == ("knative-eventing", "http:broker-ingress:80"):
            return self.broker
        if (namespace, service) != ("knative-serving", "http:activator-service:80"):
            # Of a revision's own Service the endpoints are the activator's pods, in another namespace.
            return _status(503, "ServiceUnavailable", f'no endpoints available for service "{service}"')
        revision = request.headers.get("Knative-Serving-Revision", "")
        if request.headers.get("Knative-Serving-Namespace") != "kascade" or revision not in self._revisions():
            said = f'Error getting active endpoint: revision.serving.knative.dev "{revision}" not found\n'
            return Response(said, 404, mimetype="text/plain")
        return self.functions(revision.rpartition("-")[0], path)

    def _revisions(self) -> set[str]:
        routed = [each["status"].get("traffic", []) for each in self.objects.values()]
        return {target["revisionName"] for targets in routed for target in targets} - self.collected

    def _allowed(self, what: str) -> Response | None:
        if what not in self.forbidden:
            return None
        verb, _, resource = what.partition(" ")
        said = f'services "x" is forbidden: User "ann" cannot {verb} resource "{resource}"'
        return _status(403, "Forbidden", said)


def _json(value: Any, code: int = 200) -> Response:
    return Response(json.dumps(value), code, mimetype="application/json")


def _status(code: int, reason: str, message: str) -> Response:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason}
    return _json({**status, "code": code}, code)


def _not_found() -> Response:
    return Response("404 page not found\n", 404, mimetype="text/plain")
