"""Which user of this machine made a connection, as the kernel tells (Linux, sock_diag)."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1  # NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST
_HEADER = struct.Struct("=IHHII")  # nlmsghdr
_ASK = struct.Struct("=BBBxI")  # inet_diag_req_v2 before its socket
_SOCKET = struct.Struct("!HH16s16s")  # inet_diag_sockid before interface and cookie
_ANY = struct.pack("=I", 0) + b"\xff" * 8
_USER = struct.Struct("=II")  # idiag_uid and idiag_inode after it
_USER_AT = _HEADER.size + 4 + 48 + 12  # inet_diag_msg.idiag_uid
_EVERY_STATE = 0xFFFFFFFF
_WAIT_S = 0.5

Address = tuple[str, int]


class Peers:
    """Asks the kernel; `close` it."""

    def __init__(self) -> None:
        """Raises OSError where there is no such kernel."""
        self._kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG)
        self._kernel.settimeout(_WAIT_S)

    def user_of(self, client: Address, server: Address) -> int | None:
        """Return the user id of the client's side of a connection over IPv4; None when it is not there."""
        addresses = _SOCKET.pack(
            client[1], server[1], socket.inet_aton(client[0]), socket.inet_aton(server[0])
        )
        asked = _ASK.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, _EVERY_STATE) + addresses + _ANY
        self._kernel.send(_HEADER.pack(_HEADER.size + len(asked), _BY_FAMILY, _REQUEST, 0, 0) + asked)
        reply = self._kernel.recv(4096)
        if _HEADER.unpack_from(reply)[1] != _BY_FAMILY:
            return None
        user, inode = _USER.unpack_from(reply, _USER_AT)
        return int(user) if inode else None  # of a socket that its process has closed, the kernel says 0

    def close(self) -> None:
        """Ask no more."""
        self._kernel.close()


def foreign_to(user: int, peers: Peers) -> Callable[[asyncio.Transport], bool]:
    """Return what tells whether another user than `user` (or root) made a connection.

    One whose client has gone already is no one's; its requests are answered to nobody.
    """
    ours = {user, 0}

    def is_foreign(transport: asyncio.Transport) -> bool:
        try:
            found = peers.user_of(transport.get_extra_info("peername"), transport.get_extra_info("sockname"))
        except (OSError, TypeError):
            return True
        return found not in ours

    return is_foreign


def open_peers() -> Peers | None:
    """Return Peers that work here, or None: the kernel does not tell everywhere."""
    try:
        peers = Peers()
    except (OSError, AttributeError):
        return None
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        suppress(OSError),
    ):
        if peers.user_of(client.getsockname(), server.getsockname()) == os.getuid():
            return peers
    peers.close()
    return None
