"""Mail to a real SMTP server, in the clear, after STARTTLS, by TLS, with a login, and what it refuses."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.authority import Authority
from support.mail_server import PASSWORD, USER, MailServer

from eventing.errors import Rejected, RetryLater
from eventing.testing import NOON, build_event
from functions.notify_people.logic import Notification
from functions.notify_people.mail import MailReceiver
from functions.notify_people.occasions import Severity
from functions.notify_people.routes import Mail

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
"""aiosmtpd does not count TLS from the beginning as TLS."""

TOLD = Notification(
    occasion="training.failed",
    severity=Severity.WARNING,
    model="churn",
    problem="p",
    title="a training failed",
    lines=("v3 at check: zu wenige Zeilen für „churn“ 🙂", "." * 3),
    link="",
    event=build_event("dev.kascade.training.failed", {}, id_="e1"),
)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ssl.SSLContext]:
    """A server's certificate, by an authority that this process trusts."""
    folder = tmp_path_factory.mktemp("tls")
    ours = Authority("ours")
    (folder / "ca.pem").write_text(ours.pem)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
        yield ours.context(folder)


def receiver(
    server: MailServer, security: str = "none", password: str = PASSWORD, **fields: Any
) -> MailReceiver:
    login = {"username": USER, "password_env": "P"} if security != "none" else {}
    given = {"host": "127.0.0.1", "port": server.port, "from": "k@example.com", "to": ["ann@example.com"]}
    mail = Mail.model_validate({**given, **login, "security": security, **fields})
    return MailReceiver("mail", mail, password, 2, lambda: NOON)


def test_a_mail_arrives_as_it_was_written() -> None:
    with MailServer() as server:
        receiver(server, to=["ann@example.com", "bob@example.com"]).tell(TOLD)
    (mail,) = server.mails
    assert mail["Subject"] == "[kascade] WARNING churn: a training failed"
    body = mail.get_body()
    assert body is not None
    assert "v3 at check: zu wenige Zeilen für „churn“ 🙂\r\n\r\n...\r\n" in body.get_content()
    assert server.recipients == [["ann@example.com", "bob@example.com"]]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_goes_by_tls_with_a_login(tls: ssl.SSLContext, security: str) -> None:
    with MailServer(tls, at_once=security == "tls") as server:
        receiver(server, security).tell(TOLD)
        assert len(server.mails) == 1
        with pytest.raises(Rejected, match=r"^the login is refused: 535$"):
            receiver(server, security, password="wrong").tell(TOLD)
    assert len(server.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_is_not_trusted_gets_no_password(tmp_path: Path, security: str) -> None:
    with (
        MailServer(Authority("theirs").context(tmp_path), at_once=security == "tls") as server,
        pytest.raises(RetryLater, match="its certificate is not trusted"),
    ):
        receiver(server, security).tell(TOLD)
    assert server.mails == []


def test_a_server_without_starttls_is_not_told_in_the_clear() -> None:
    with MailServer() as server, pytest.raises(Rejected, match="STARTTLS"):
        receiver(server, "starttls").tell(TOLD)
    assert server.mails == []


@pytest.mark.parametrize(
    ("answer", "outcome", "said"),
    [
        ("451 try later", RetryLater, "answered 451: try later"),
        ("550 no such policy", Rejected, "answered 550: no such policy"),
        ("554 spam", Rejected, "answered 554: spam"),
    ],
)
def test_4xx_passes_and_5xx_stays(answer: str, outcome: type[Exception], said: str) -> None:
    with MailServer() as server:
        server.after_mail = answer
        with pytest.raises(outcome, match=said):
            receiver(server).tell(TOLD)


def test_one_recipient_that_is_refused_takes_the_mail_from_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with MailServer() as server:
        server.refused = {"bob@example.com": "550 who"}
        receiver(server, to=["ann@example.com", "bob@example.com"]).tell(TOLD)
        assert server.recipients == [["ann@example.com"]]
        assert "not everybody got the mail" in caplog.text
        server.refused["ann@example.com"] = "450 busy"
        with pytest.raises(RetryLater, match="every recipient is refused: 450, 550"):
            receiver(server, to=["ann@example.com", "bob@example.com"]).tell(TOLD)
        server.refused["ann@example.com"] = "550 who"
        with pytest.raises(Rejected, match="every recipient is refused: 550"):
            receiver(server, to=["ann@example.com", "bob@example.com"]).tell(TOLD)


def test_a_server_that_took_the_mail_and_takes_leave_badly_has_it() -> None:
    with MailServer() as server:
        server.quits = ["500 what?"]
        receiver(server).tell(TOLD)
    assert len(server.mails) == 1


def test_a_server_that_is_gone_or_says_nothing_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mail = {"host": "127.0.0.1", "port": silent.getsockname()[1], "security": "none"}
        told = Mail.model_validate({**mail, "from": "a@b.c", "to": ["a@b.c"]})
        with pytest.raises(RetryLater, match=r"no answer within 0\.2 s"):
            MailReceiver("mail", told, "", 0.2, lambda: NOON).tell(TOLD)
    with pytest.raises(RetryLater, match="no connection"):
        MailReceiver("mail", told, "", 0.2, lambda: NOON).tell(TOLD)
