"""Asks a container whether it is ready, as a kubelet does."""

from __future__ import annotations

import socket
from typing import Any

import urllib3

Json = dict[str, Any]
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
_pool = urllib3.PoolManager(cert_reqs="CERT_NONE", retries=False)


def port_of(container: Json, port: int | str) -> int:
    """Return a port by number or by the name that the container gives it."""
    if isinstance(port, int):
        return port
    named = {each.get("name"): each["containerPort"] for each in container.get("ports", [])}
    return int(named[port])


def holds(probe: Json, container: Json, address: str) -> bool:
    """Say whether a probe succeeds now. What is asked over gRPC is only connected to."""
    timeout = probe.get("timeoutSeconds", 1)
    if "httpGet" in probe:
        return asked(probe["httpGet"], container, address, timeout)
    action = probe.get("tcpSocket") or probe.get("grpc")
    if action is None:
        raise ValueError(f"a probe of this kind is not played: {sorted(probe)}")
    try:
        socket.create_connection((address, port_of(container, action["port"])), timeout).close()
    except OSError:
        return False
    return True


def asked(action: Json, container: Json, address: str, timeout: float) -> bool:
    """Say whether a GET is answered with success."""
    scheme = action.get("scheme", "HTTP").lower()
    host, port = action.get("host") or address, port_of(container, action["port"])
    headers = {each["name"]: each["value"] for each in action.get("httpHeaders", [])}
    try:
        said = _pool.request(
            "GET",
            f"{scheme}://{host}:{port}{action.get('path', '/')}",
            headers={"User-Agent": "kube-probe/1.35", "Connection": "close", **headers},
            timeout=timeout,
        )
    except urllib3.exceptions.HTTPError:
        return False
    return 200 <= said.status < 400
