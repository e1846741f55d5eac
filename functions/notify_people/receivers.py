"""The ways to people: the port, and how each route of a file gets its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from eventing.clock import Clock
from functions.notify_people.logic import Notification
from functions.notify_people.mail import MailReceiver
from functions.notify_people.posting import Posting
from functions.notify_people.routes import Route
from functions.notify_people.settings import signing_key
from functions.notify_people.slack import SlackReceiver
from functions.notify_people.webhook import WebhookReceiver


class Receiver(Protocol):
    """Who is told. Its errors say why in a sentence that holds no secret."""

    def tell(self, notification: Notification) -> None:
        """Hand a notification over; when this returns, the receiver has it.

        Raises:
            RetryLater: it is away, overloaded or does not answer.
            Rejected: it refuses, and will again.
        """
        ...


def receiver_of(route: Route, secrets: Mapping[str, str], timeout_s: float, clock: Clock) -> Receiver:
    """Return the receiver of a route; the settings have checked its variables."""
    if route.slack is not None:
        return SlackReceiver(Posting(secrets[route.slack.url_env], timeout_s))
    if route.webhook is not None:
        name = route.webhook.secret_env
        key = signing_key(secrets[name]) if name else None
        return WebhookReceiver(route.name, Posting(secrets[route.webhook.url_env], timeout_s), key, clock)
    assert route.mail is not None  # noqa: S101 - a route has one way
    name = route.mail.password_env
    return MailReceiver(route.name, route.mail, secrets[name] if name else "", timeout_s, clock)
