"""How the broker and the sources reach what is on this machine: straight, not through the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from eventing.callers import KEY_HEADER
from knative.local.broker.courier import HttpCourier
from knative.local.broker.errors import Unreachable
from knative.local.broker.outcomes import Answer
from knative.local.errors import NotServed
from knative.local.gateway.targets import Target, name_inside, target_inside, target_of
from knative.local.jobs.sink import JobSinks
from knative.local.services.controller import Services


class LocalCourier:
    """Posts events: to Services by taking a replica, to JobSinks by asking them, to the rest over HTTP."""

    def __init__(self, services: Services, job_sinks: JobSinks, gateway_port: int, token: str) -> None:
        """`token` is what the runtime itself shows its own gateway."""
        self._services = services
        self._job_sinks = job_sinks
        self._port = gateway_port
        self._authorization = {"Authorization": f"Bearer {token}"}
        self._http = HttpCourier()

    async def post(self, uri: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Answer:
        """Post and return the answer, whatever its status.

        Raises:
            Unreachable: no answer within `timeout_s` seconds, or none at all.
        """
        target = self._target_of(uri)
        if target is None:
            return await self._http.post(uri, headers, body, timeout_s)
        match target.kind:
            case "jobsink":
                status, why = await self._job_sinks.accept(target.namespace, target.name, headers, body)
                return Answer(status, (), b"" if status < 300 else why.encode())
            case "service":
                return await self._to_service(target, uri, headers, body, timeout_s)
        own = f"http://127.0.0.1:{self._port}{_path(urlsplit(uri))}"
        return await self._http.post(own, {**headers, **self._authorization}, body, timeout_s)

    async def close(self) -> None:
        """Close what is open."""
        await self._http.close()

    def _target_of(self, uri: str) -> Target | None:
        """Return what of this machine a URI leads to, None when it leads elsewhere.

        Raises:
            Unreachable: inside a cluster it would lead nowhere.
        """
        parts = urlsplit(uri)
        if parts.scheme != "http":
            return None
        host, path = parts.hostname or "", _path(parts)
        inside = target_inside(host, path)
        if inside is not None:
            if parts.port not in (None, 80):
                raise Unreachable(f"{host} listens on port 80, not on {parts.port}")
            if inside.kind == "nowhere" or (inside.kind == "service" and not self._is_there(inside)):
                raise Unreachable(f"no such host: {host}")
            return inside
        ours = parts.port == self._port
        name = name_inside(host)
        if name is not None and (ours or parts.port in (None, 80)):
            raise Unreachable(
                f"{host} is the address for outside, which nothing inside the cluster resolves; "
                f"use http://{name}{parts.path}"
            )
        return target_of(parts.netloc, path) if ours else None

    def _is_there(self, target: Target) -> bool:
        return self._services.knows(target.namespace, target.name)

    async def _to_service(
        self, target: Target, uri: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        try:
            pool = self._services.pool_for(target.namespace, target.name)
            replica = await pool.acquire(min(timeout_s, pool.plan.timeout_s))
        except NotServed as error:
            return Answer(error.status, (), error.reason.encode())
        try:
            url = f"http://127.0.0.1:{replica.port}{target.path}"
            ours = {"Host": urlsplit(uri).netloc, KEY_HEADER: replica.key}
            return await self._http.post(url, {**headers, **ours}, body, min(timeout_s, pool.plan.timeout_s))
        except Unreachable:
            if not replica.ready:
                return Answer(503, (), b"the process went away")
            raise
        finally:
            pool.release(replica)


def _path(parts: SplitResult) -> str:
    return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
