"""The API's HTTP server: Kubernetes paths, Status objects for refusals, watches, routes for operators."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from eventing.media_types import media_type_of
from knative.local.api import discovery
from knative.local.api.bodies import MAX_BYTES, read_body
from knative.local.api.guard import guarding
from knative.local.api.objects import APPLY, Objects, Writer
from knative.local.api.selectors import Selection, selection_of
from knative.local.api.tables import table_of
from knative.local.api.watching import watch
from knative.local.broker.operator_routes import Handler
from knative.local.errors import ManifestError, NotFound, Refused
from knative.local.log import QUIET, warn
from knative.local.resources.defaulting import USER
from knative.local.resources.kinds import Json, Kind, kind_at
from knative.local.resources.objects import Key, key_of
from knative.local.resources.store import Store

_REVIEWS: Mapping[str, Json] = {
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": {"allowed": True},
    "/apis/authentication.k8s.io/v1/selfsubjectreviews": {"userInfo": {"username": USER}},
}
"""What `kubectl auth can-i` and `whoami` are answered: there is one user, who may do everything."""
_ITEM = r"/{plural:[a-z]+}/{name}"


class Api:
    """Serves the API port."""

    def __init__(self, store: Store, operator_routes: Mapping[str, Handler], token: str) -> None:
        """Serve the objects of `store`, and `operator_routes` by their paths, to those who show `token`."""
        self._store = store
        self._token = token
        self._operator_routes = operator_routes
        self._objects = Objects(store)
        self._runner: web.AppRunner | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve on `listener`."""
        self._runner = web.AppRunner(
            self.application(), access_log=None, handle_signals=False, shutdown_timeout=1, logger=QUIET
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def close(self) -> None:
        """Take no more requests; watches end."""
        if self._runner is not None:
            await self._runner.cleanup()

    def application(self) -> web.Application:
        """Build the routes."""
        app = web.Application(middlewares=[_refusals, guarding(self._token)], client_max_size=MAX_BYTES)
        static = {
            "/api": discovery.versions,
            "/apis": discovery.groups,
            "/version": lambda: discovery.VERSION,
            "/openapi/v2": discovery.openapi_v2,
            "/openapi/v3": discovery.openapi_index,
        }
        for path, answer in static.items():
            app.router.add_get(path, _answering(answer))
        for path in ("/healthz", "/readyz", "/livez"):
            app.router.add_get(path, _healthy)
        for path, handler in self._operator_routes.items():
            app.router.add_get(path, handler)
        app.router.add_get("/openapi/v3/{root:.+}", self._openapi)
        for path, status in _REVIEWS.items():
            app.router.add_post(path, _reviewing(status))
        app.router.add_get("/apis/{group}", self._group)
        for root in ("/api/{version}", "/apis/{group}/{version}"):
            app.router.add_get(root, self._resources)
            for place in ("", "/namespaces/{namespace}"):
                app.router.add_route("*", f"{root}{place}/{{plural:[a-z]+}}", self._collection)
                app.router.add_route("*", f"{root}{place}{_ITEM}", self._item)
                app.router.add_route("*", f"{root}{place}{_ITEM}/status", self._status)
        return app

    async def _openapi(self, request: web.Request) -> web.StreamResponse:
        return _json(discovery.openapi_v3(request.match_info["root"]))

    async def _group(self, request: web.Request) -> web.StreamResponse:
        return _known(discovery.group(request.match_info["group"]))

    async def _resources(self, request: web.Request) -> web.StreamResponse:
        found = request.match_info
        return _known(discovery.resources(found.get("group", ""), found["version"]))

    async def _collection(self, request: web.Request) -> web.StreamResponse:
        kind = _kind(request)
        namespace = request.match_info.get("namespace", "")
        selection = selection_of(request.query)
        match request.method:
            case "GET" if request.query.get("watch", "").lower() in ("true", "1", "t"):
                return await watch(request, self._store, kind, namespace, selection)
            case "GET":
                return self._listed(request, kind, self._selected(kind, namespace, selection))
            case "POST":
                made = self._objects.create(kind, namespace, await read_body(request), dry_run=_dry(request))
                await self._store.durable()
                return _json(made, 201)
            case "DELETE":
                gone = self._selected(kind, namespace, selection)
                for body in gone:
                    self._objects.delete(key_of(kind, body), dry_run=_dry(request))
                await self._store.durable()
                return self._listed(request, kind, gone)
        raise _NotAllowed(request.method)

    async def _item(self, request: web.Request) -> web.StreamResponse:
        kind = _kind(request)
        key = Key(kind, request.match_info.get("namespace", ""), request.match_info["name"])
        dry_run = _dry(request)
        match request.method:
            case "GET":
                body = self._store.get(key)
                if _wants_table(request):
                    return _json(table_of(kind, [body], body["metadata"]["resourceVersion"]))
                return _json(body)
            case "PUT":
                answer = self._objects.replace(
                    key, await read_body(request), _writer(request), dry_run=dry_run
                )
            case "PATCH":
                patch = await read_body(request)
                answer = self._objects.patch(
                    key, _media_type(request), patch, _writer(request), dry_run=dry_run
                )
            case "DELETE":
                options = await read_body(request) if request.body_exists else None
                answer = _deleted(key, self._objects.delete(key, options, dry_run=dry_run))
            case _:
                raise _NotAllowed(request.method)
        await self._store.durable()
        return _json(answer)

    async def _status(self, request: web.Request) -> web.StreamResponse:
        found = request.match_info
        key = Key(_kind(request), found.get("namespace", ""), found["name"])
        if request.method == "GET":
            return _json(self._store.get(key))
        if request.method not in ("PUT", "PATCH"):
            raise _NotAllowed(request.method)
        content_type = _media_type(request) if request.method == "PATCH" else ""
        written = self._objects.write_status(key, content_type, await read_body(request))
        await self._store.durable()
        return _json(written)

    def _selected(self, kind: Kind, namespace: str, selection: Selection) -> list[Json]:
        return [body for body in self._store.all_of(kind, namespace) if selection.holds(body)]

    def _listed(self, request: web.Request, kind: Kind, bodies: list[Json]) -> web.Response:
        version = str(self._store.version)
        if _wants_table(request):
            return _json(table_of(kind, bodies, version))
        return _json(
            {
                "apiVersion": kind.api_version,
                "kind": f"{kind.name}List",
                "metadata": {"resourceVersion": version},
                "items": bodies,
            }
        )


class _Failed(Refused):
    status = 500
    reason = "InternalError"

    def __init__(self) -> None:
        super().__init__("the API failed; the runtime's log says why")


class _NotAllowed(Refused):
    status = 405
    reason = "MethodNotAllowed"

    def __init__(self, method: str) -> None:
        super().__init__(f"{method} is not allowed here")


def _answering(answer: Callable[[], Json]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return _json(answer())

    return handle


def _reviewing(status: Json) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        asked = await read_body(request)
        if not isinstance(asked, dict):
            raise Refused("the body must be an object")
        return _json({**asked, "status": status}, 201)

    return handle


async def _healthy(request: web.Request) -> web.StreamResponse:
    return web.Response(text="ok")


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as error:
        return _json(status_of(error), error.status)
    except ManifestError as error:
        return _json(status_of(Refused(str(error))), 400)
    except web.HTTPNotFound:
        return _json(status_of(NotFound("the server could not find the requested resource")), 404)
    except web.HTTPException as error:
        return _json({**status_of(Refused(error.reason)), "code": error.status}, error.status)
    except ConnectionError:
        raise  # the client has left
    except Exception as error:
        warn("request failed", why=f"{type(error).__name__}: {error}", path=request.path)
        return _json(status_of(_Failed()), _Failed.status)


def status_of(error: Refused) -> Json:
    """Return the Kubernetes Status of a refusal."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message,
        "reason": error.reason,
        "details": error.details,
        "code": error.status,
    }


def _deleted(key: Key, body: Json) -> Json:
    uid = body["metadata"]["uid"]
    details = {"name": key.name, "group": key.kind.group, "kind": key.kind.plural, "uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _kind(request: web.Request) -> Kind:
    found = request.match_info
    kind = kind_at(found.get("group", ""), found["version"], found["plural"])
    if kind is None or (not kind.namespaced and "namespace" in found):
        raise NotFound("the server could not find the requested resource")
    return kind


def _known(answer: Json) -> web.Response:
    if not answer:
        raise NotFound("the server could not find the requested resource")
    return _json(answer)


def _writer(request: web.Request) -> Writer:
    """Return who writes: as they say, else the program that asks. An apply must say so."""
    force = request.query.get("force", "").lower() in ("true", "1", "t")
    manager = request.query.get("fieldManager", "")
    if manager or _media_type(request) == APPLY:
        return Writer(manager, force)
    return Writer(request.headers.get("User-Agent", "").partition("/")[0] or "unknown", force)


def _dry(request: web.Request) -> bool:
    return "dryRun" in request.query


def _wants_table(request: web.Request) -> bool:
    return "as=Table" in request.headers.get("Accept", "")


def _media_type(request: web.Request) -> str:
    return media_type_of(request.headers.get("Content-Type"))


def _json(body: Json, status: int = 200) -> web.Response:
    return web.json_response(body, status=status)
