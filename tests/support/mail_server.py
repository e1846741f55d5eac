"""A real SMTP server (aiosmtpd) that keeps what it takes, and answers as it is told."""

from __future__ import annotations

import asyncio
import ssl
import threading
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "kascade", "hunter2"


class MailServer:
    """Mails by SMTP on a free port; with `tls` at once or after STARTTLS, and a login then."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, at_once: bool = False) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.after_mail = ""
        self.refused: dict[str, str] = {}
        self.quits: list[str] = []
        self._tls, self._at_once = tls, at_once
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def __enter__(self) -> MailServer:
        tls = self._tls if self._at_once else None
        begun = self._loop.create_server(self._protocol, "127.0.0.1", 0, ssl=tls)
        self._server = self._loop.run_until_complete(begun)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _protocol(self) -> SMTP:
        starttls = None if self._at_once else self._tls
        return SMTP(
            self,
            hostname="mail.test",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=_authenticate,
            auth_required=self._tls is not None,
            auth_require_tls=not self._at_once,
            loop=self._loop,
        )

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def handle_RCPT(  # noqa: N802 - the names that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.after_mail:
            return self.after_mail
        self.recipients.append(envelope.rcpt_tos)
        raw = cast(bytes, envelope.content)
        self.mails.append(cast(EmailMessage, message_from_bytes(raw, policy=default)))
        return "250 OK"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        return self.quits.pop(0) if self.quits else "221 Bye"


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=right, handled=right)
