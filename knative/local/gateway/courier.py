"""How the broker and the sources reach what is on this machine: straight, not through the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from knative.local.broker.answers import Answer
from knative.local.broker.courier import HttpCourier
from knative.local.broker.errors import Unreachable
from knative.local.errors import NotServed
from knative.local.gateway.places import Place, place_of
from knative.local.jobs.sink import JobSinks
from knative.local.services.controller import Services


class LocalCourier:
    """Posts events: to Services by taking a replica, to JobSinks by asking them, to the rest over HTTP."""

    def __init__(self, services: Services, job_sinks: JobSinks, gateway_port: int) -> None:
        self._services = services
        self._job_sinks = job_sinks
        self._port = gateway_port
        self._http = HttpCourier()

    async def post(self, uri: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Answer:
        """Post and return the answer, whatever its status.

        Raises:
            Unreachable: no answer within `timeout_s` seconds, or none at all.
        """
        place = self._place(uri)
        if place is not None and place.kind == "jobsink":
            status, why = await self._job_sinks.accept(place.namespace, place.name, headers, body)
            return Answer(status, (), b"" if status < 300 else why.encode())
        if place is not None and place.kind == "service":
            return await self._to_service(place, uri, headers, body, timeout_s)
        return await self._http.post(uri, headers, body, timeout_s)

    async def close(self) -> None:
        """Close what is open."""
        await self._http.close()

    def _place(self, uri: str) -> Place | None:
        parts = urlsplit(uri)
        ours = parts.port == self._port or (
            parts.port is None and parts.netloc.endswith(".svc.cluster.local")
        )
        if not ours or parts.scheme != "http":
            return None
        return place_of(parts.netloc, f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}")

    async def _to_service(
        self, place: Place, uri: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        try:
            pool = self._services.pool_for(place.namespace, place.name)
            replica = await pool.acquire(min(timeout_s, pool.plan.timeout_s))
        except NotServed as error:
            return Answer(error.status, (), error.reason.encode())
        try:
            target = f"http://127.0.0.1:{replica.port}{place.path}"
            host = {"Host": urlsplit(uri).netloc}
            return await self._http.post(
                target, {**headers, **host}, body, min(timeout_s, pool.plan.timeout_s)
            )
        except Unreachable:
            if not replica.ready:
                return Answer(503, (), b"the process went away")
            raise
        finally:
            pool.release(replica)
