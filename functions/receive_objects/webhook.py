"""The route that the object store calls when something happens to an object.

Whatever cannot be understood is logged, counted and answered 200: MinIO sends its queue in order, for ever,
so one notification answered 4xx would hold up all behind it. What it was about, the sweep finds.

For the same reason a notification is answered once its change is recorded, before its event is sent: a broker
may answer only when every function has handled the event, and a file to train on would hold up the labels.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable

from flask import Response, request
from prometheus_client import Counter
from werkzeug.exceptions import RequestEntityTooLarge

from eventing.errors import RetryLater
from eventing.sink import SinkError
from eventing.store import RequestRefused, StoreUnavailable
from functions.receive_objects.notification import Hint, Notification, read_notification
from functions.receive_objects.receiver import Receiver
from functions.state.objects import SeenObject

_EXCERPT = 500
_AWAY = (StoreUnavailable, RetryLater)
"""The store or the database does not answer."""

_log = logging.getLogger(__name__)


class Webhook:
    """The view of `POST /webhook`; `later` does a piece of work after the answer."""

    def __init__(
        self,
        receiver: Receiver,
        buckets: tuple[str, ...],
        token: str | None,
        records: Counter,
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        self._receiver = receiver
        self._later = later
        self._buckets = buckets
        self._token = token
        self._records = records

    def __call__(self) -> Response:
        """Take one notification. 401 and 403 are for the caller, 503 asks it to try again."""
        refusal = self._refusal(request.headers.get("Authorization", ""))
        if refusal is not None:
            return refusal
        try:
            body = request.get_data(cache=False)
            notification = read_notification(body)
        except RequestEntityTooLarge:
            body, notification = b"", Notification(problems=("the body is larger than is taken",))
        self._count("ignored", notification.ignored)
        self._complain(notification.problems, body)
        try:
            for hint in notification.hints:
                self._follow(hint)
        except _AWAY as error:
            # MinIO keeps the notification and sends it again.
            _log.warning("not recorded yet", extra={"fields": {"problems": [str(error)]}})
            return Response("try again", 503, {"Retry-After": "3"})
        return Response(status=200)

    def _refusal(self, authorization: str) -> Response | None:
        if self._token is None:
            return Response("the webhook is closed: WEBHOOK_TOKEN is not set", 403)
        scheme, _, shown = authorization.partition(" ")
        if scheme.lower() != "bearer" or not shown:
            _log.warning("no bearer token was shown")
            return Response("show a bearer token", 401, {"WWW-Authenticate": "Bearer"})
        if not hmac.compare_digest(shown.strip().encode(), self._token.encode()):
            _log.warning("a wrong token was shown")
            return Response("this is not the token", 403)
        return None

    def _follow(self, hint: Hint) -> None:
        if hint.bucket not in self._buckets:
            self._count("ignored", 1)
            return
        try:
            recorded = self._receiver.record_change(hint.bucket, hint.key)
        except _AWAY:
            raise
        except Exception as error:
            # Our own bug must not hold up the queue either.
            _log.exception("not followed", extra={"fields": {"key": hint.key}})
            self._count("refused" if isinstance(error, RequestRefused) else "failed", 1)
            return
        self._count("followed", 1)
        if recorded:
            self._later(lambda: self._announce(recorded))

    def _announce(self, recorded: list[SeenObject]) -> None:
        try:
            self._receiver.announce(recorded)
        except Exception as error:
            # It is recorded, so the sweep sends it; the store need not know.
            fields = {"key": recorded[0].key, "problems": [str(error)]}
            _log.warning("not sent yet", exc_info=not isinstance(error, SinkError), extra={"fields": fields})

    def _complain(self, problems: tuple[str, ...], body: bytes) -> None:
        for problem in problems:
            excerpt = body[:_EXCERPT].decode(errors="replace")
            _log.error("malformed notification", extra={"fields": {"problems": [problem], "body": excerpt}})
        self._count("malformed", len(problems))

    def _count(self, outcome: str, records: int) -> None:
        if records:
            self._records.labels(outcome).inc(records)
