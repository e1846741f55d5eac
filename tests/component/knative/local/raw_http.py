"""Requests written byte by byte, as no client library would send them."""

from __future__ import annotations

import re
import socket

from .conftest import Local


def port_of(local: Local, what: str = "gateway") -> int:
    return int(local.endpoints[what].rpartition(":")[2])


def connect(local: Local, what: str = "gateway", *, timeout_s: float = 10) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(local, what)), timeout=timeout_s)


def request(path: str, *headers: str, method: str = "GET", version: str = "1.1") -> bytes:
    """Return the head of a request: what follows it is its body."""
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: 127.0.0.1", *headers, "", ""]).encode()


def read_to_the_end(connection: socket.socket) -> bytes:
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def speak(local: Local, said: bytes, *, end: bool = False, timeout_s: float = 10) -> bytes:
    """Send bytes to the gateway, and return everything it answers until it closes."""
    with connect(local, timeout_s=timeout_s) as connection:
        connection.sendall(said)
        if end:
            connection.shutdown(socket.SHUT_WR)
        return read_to_the_end(connection)


def break_off(local: Local, said: bytes) -> None:
    """Send a part of a request, and leave."""
    with connect(local) as connection:
        connection.sendall(said)


def accepted(local: Local) -> int:
    """Return how many events the broker has taken."""
    counted = re.findall(r"broker_events_accepted_total{.*} (\d+)", local.api("GET", "/metrics").text)
    return sum(map(int, counted))
