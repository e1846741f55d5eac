"""What is sent: Slack's text, the JSON of a webhook with its signature, and a mail."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from eventing.testing import NOON, build_event
from functions.notify_people.logic import Notification, one_line
from functions.notify_people.mail import MailReceiver
from functions.notify_people.occasions import Severity
from functions.notify_people.routes import Mail
from functions.notify_people.settings import signing_key
from functions.notify_people.slack import MAX_TEXT, text_of
from functions.notify_people.webhook import body_of, signature

MAIL = Mail.model_validate({"host": "127.0.0.1", "from": "kascade@example.com", "to": ["ann@example.com"]})


def notification(**fields: Any) -> Notification:
    given: dict[str, Any] = {
        "occasion": "training.failed",
        "severity": Severity.WARNING,
        "model": "churn",
        "problem": "p",
        "title": "a training failed",
        "lines": ("v3 at check: <!channel> & *all* of `it` > 5",),
        "link": "https://kascade.example.com/models/churn",
        "event": build_event("dev.kascade.training.failed", {}, id_="e1"),
    }
    return Notification(**{**given, **fields})


def test_slacks_three_characters_are_escaped_so_that_no_text_calls_everybody() -> None:
    assert text_of(notification()).splitlines() == [
        "⚠ WARNING churn: a training failed",
        "v3 at check: &lt;!channel&gt; &amp; *all* of `it` &gt; 5",
        "<https://kascade.example.com/models/churn>",
        "event training.failed e1, 2026-11-23T12:00:00+00:00",
    ]


def test_what_was_held_back_is_said() -> None:
    held = notification(held=7, held_since=NOON - timedelta(hours=1))
    said = "7 more of the same since 2026-11-23 11:00 UTC were held back"
    assert said in text_of(held)
    assert said in mail(held)["text"]
    assert body_of(held)["held_back"] == 7


def test_a_long_text_is_cut_and_keeps_its_link() -> None:
    text = text_of(notification(lines=("é" * 500,) * 8))
    assert len(text) < MAX_TEXT + 300
    assert "<https://kascade.example.com/models/churn>" in text


def test_a_signature_is_that_of_standard_webhooks() -> None:
    # The example of the specification's own libraries.
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert key is not None
    given = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert given == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    other = hmac.new(b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), b"a.1.{}", hashlib.sha256).digest()
    assert b64decode(signature(key, "a", "1", b"{}").removeprefix("v1,")) == other


def mail(told: Notification) -> dict[str, Any]:
    raw = MailReceiver("mail", MAIL, "", 1, lambda: NOON).message(told).as_bytes()
    assert max(map(len, raw.splitlines())) < 998
    parsed = message_from_bytes(raw, policy=default)
    return {"headers": dict(parsed.items()), "text": parsed.get_body().get_content()}  # type: ignore[union-attr]


def test_a_mail_has_what_mail_programs_need() -> None:
    headers = mail(notification())["headers"]
    assert headers["Subject"] == "[kascade] WARNING churn: a training failed"
    assert headers["To"] == "ann@example.com"
    assert headers["Date"] == "Mon, 23 Nov 2026 12:00:00 +0000"
    assert headers["Auto-Submitted"] == "auto-generated"


def test_a_mail_about_one_event_has_one_id_at_every_attempt_and_another_for_another_event() -> None:
    one, again = mail(notification()), mail(notification(held=3, held_since=NOON))
    other = mail(notification(event=build_event("dev.kascade.training.failed", {}, id_="e2")))
    ids = [each["headers"]["Message-ID"] for each in (one, again, other)]
    assert ids[0] == ids[1] != ids[2]


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=80), st.text(max_size=80))
def test_no_name_adds_a_header_or_breaks_a_mail(name: str, line: str) -> None:
    told = notification(model=one_line(f"a{name}\r\nBcc: x@y.z", 60), lines=(one_line(line),))
    found = mail(told)
    assert set(found["headers"]) == {
        *("Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    }
    assert replace(told, lines=()).heading in found["text"].replace("\r\n", "\n")
