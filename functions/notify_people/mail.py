"""Tells people by mail, over SMTP with STARTTLS, with TLS, or with neither."""

from __future__ import annotations

import logging
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from eventing.clock import Clock
from eventing.errors import Rejected, RetryLater
from eventing.tls import distrust, trusting
from functions.notify_people.logic import Notification, one_line
from functions.notify_people.routes import Mail
from functions.notify_people.webhook import id_of

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MailReceiver:
    """An SMTP server, and who gets the mail."""

    route: str
    mail: Mail
    password: str
    timeout_s: float
    clock: Clock

    def tell(self, notification: Notification) -> None:
        """Send one mail to all. Who is refused while others are not is logged, and not tried again."""
        try:
            refused = self._send(self.message(notification))
        except smtplib.SMTPException as error:
            if isinstance(error.__context__, TimeoutError):
                raise RetryLater(f"no answer within {self.timeout_s:g} s") from None
            raise _outcome(error) from None  # the error's own text may quote what was sent
        except ssl.SSLCertVerificationError as error:
            raise RetryLater(f"its certificate is {distrust(error)}") from error
        except TimeoutError as error:
            raise RetryLater(f"no answer within {self.timeout_s:g} s") from error
        except OSError as error:
            raise RetryLater(f"no connection ({type(error).__name__})") from error
        if refused:
            _log.warning(
                "not everybody got the mail",
                extra={"fields": {"route": self.route, "refused": sorted(refused)}},
            )

    def _send(self, message: EmailMessage) -> dict[str, tuple[int, bytes]]:
        """Send a mail; return who was refused, while others were not."""
        server = self._connect()
        try:
            if self.mail.username is not None:
                server.login(self.mail.username, self.password)
            refused = server.send_message(message)
            with suppress(smtplib.SMTPException, OSError):  # it has the mail: how it takes leave is no matter
                server.quit()
            return refused
        finally:
            server.close()

    def message(self, notification: Notification) -> EmailMessage:
        """Write the mail. Its id is the same at each attempt, by which a mail program knows it again."""
        message = EmailMessage(policy=SMTP)
        message["Subject"] = one_line(f"[kascade] {notification.heading}", 200)
        message["From"] = self.mail.sender
        message["To"] = ", ".join(self.mail.to)
        message["Date"] = format_datetime(self.clock())
        message["Message-ID"] = f"<{id_of(self.route, notification)}@kascade>"
        message["Auto-Submitted"] = "auto-generated"
        lines = [*notification.lines, notification.held_words, notification.link, notification.origin]
        text = "\n\n".join([notification.heading, *(each for each in lines if each)]) + "\n"
        message.set_content(text.encode("utf-8", "replace").decode(), cte="quoted-printable")
        return message

    def _connect(self) -> smtplib.SMTP:
        host, port = self.mail.host, self.mail.port or _PORTS[self.mail.security]
        if self.mail.security == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=self.timeout_s, context=_context())
        server = smtplib.SMTP(host, port, timeout=self.timeout_s)
        try:
            if self.mail.security == "starttls":
                server.starttls(context=_context())
        except BaseException:
            server.close()
            raise
        return server


def _context() -> ssl.SSLContext:
    context = trusting(None)
    context.set_alpn_protocols(["smtp"])
    return context


def _outcome(error: smtplib.SMTPException) -> RetryLater | Rejected:
    """Say what an answer means: a code of 4xx passes, one of 5xx stays."""
    match error:
        case smtplib.SMTPNotSupportedError():
            return Rejected(f"{one_line(str(error), 200)}; `security: tls` or `none` may be what it offers")
        case smtplib.SMTPAuthenticationError():
            refusal = Rejected(f"the login is refused: {error.smtp_code}")
            return RetryLater(f"no login now: {error.smtp_code}") if error.smtp_code < 500 else refusal
        case smtplib.SMTPRecipientsRefused():
            codes = sorted({code for code, _ in error.recipients.values()})
            problem = f"every recipient is refused: {', '.join(map(str, codes))}"
            return RetryLater(problem) if any(code < 500 for code in codes) else Rejected(problem)
        case smtplib.SMTPResponseException():
            raw = error.smtp_error
            text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
            problem = f"answered {error.smtp_code}: {one_line(text, 200)}"
            return RetryLater(problem) if error.smtp_code < 500 else Rejected(problem)
    return RetryLater(f"the connection ended ({type(error).__name__})")
