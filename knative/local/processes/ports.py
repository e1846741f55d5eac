"""Free ports on the loopback address, and who holds one that is not free."""

from __future__ import annotations

import errno
import secrets
import socket
from pathlib import Path

from knative.local.errors import PortInUse

LOOPBACK = "127.0.0.1"
# Linux gives ports from 32768 on to those who bind to port 0 (ip_local_port_range).
_RANGE = range(20_000, 32_768)
_given: list[int] = []


def free_port() -> int:
    """Return a port that nobody listens on and that was not among the last fifty given.

    A process takes it only when it has started: so it is none of those that the system gives meanwhile to
    others who ask for any.

    Raises:
        OSError: of so many tries no port was free.
    """
    for _ in range(len(_RANGE)):
        port = secrets.choice(_RANGE)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        _given.append(port)
        del _given[:-50]
        return port
    raise OSError(errno.EADDRINUSE, f"hardly a port from {_RANGE.start} to {_RANGE.stop - 1} is free")


def listen(port: int, flag: str) -> socket.socket:
    """Return a socket listening on `port` (0: a free one) of the loopback address.

    Raises:
        PortInUse: another process listens there; names it where that can be found out.
    """
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((LOOPBACK, port))
        server.listen(1024)
    except OSError as error:
        server.close()
        raise PortInUse(port, flag, holder_of(port)) from error
    server.setblocking(False)
    return server


def holder_of(port: int, proc: Path = Path("/proc")) -> str:
    """Return ` by NAME (process PID)` for the process listening on `port`, empty when it is not known."""
    inode = _listening_inode(port, proc)
    if not inode:
        return ""
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            held = any(str(fd.readlink()) == f"socket:[{inode}]" for fd in (entry / "fd").iterdir())
            name = (entry / "comm").read_text().strip() if held else ""
        except OSError:
            continue
        if held:
            return f" by {name} (process {entry.name})"
    return ""


def _listening_inode(port: int, proc: Path) -> str | None:
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                return fields[9]
    return None
