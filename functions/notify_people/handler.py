"""Something happened that people should know: tell them, each route once. Event in, outcome out."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import DeliveryFailed, Payload
from eventing.clock import Clock
from eventing.errors import HandlingError, Rejected, RetryLater
from eventing.event import Event
from functions.notify_people.logic import FUNCTION, Notification, describe, is_own_failure, is_quiet, wants
from functions.notify_people.metrics import NotificationMetrics
from functions.notify_people.receivers import Receiver
from functions.notify_people.routes import Route
from functions.notify_people.settings import Settings
from functions.state import notifications
from functions.state.database import transaction
from functions.state.handled import remembered, write_once

PARALLEL = 8
"""Routes that are told at a time, so that one that hangs does not keep the others waiting."""


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); answers nothing."""

    settings: Settings
    receivers: Mapping[str, Receiver]
    sessions: sessionmaker[Session]
    clock: Clock
    metrics: NotificationMetrics

    def __call__(self, event: Event, payload: Payload) -> list[Event]:
        """Tell everybody who is to be told and was not yet.

        Raises:
            RetryLater: a receiver is away; those that were told are not told again.
            Rejected: none is away, and one refuses.
        """
        routes = self.settings.routes
        notification = describe(event, payload, routes.severities, self.settings.console_url)
        if notification is None:
            return []
        wanted = [each for each in routes.routes if wants(each, notification)]
        if isinstance(payload, DeliveryFailed) and is_own_failure(payload):
            wanted = self._those_that_work(wanted, payload)
        if not wanted:
            return []
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="tell") as pool:
            failed = [each for each in pool.map(lambda route: self._try(route, notification), wanted) if each]
        failures = "; ".join(str(each) for each in failed)
        if waits := [each.after_s for each in failed if isinstance(each, RetryLater)]:
            raise RetryLater(failures, max(waits))
        if failed:
            raise Rejected(failures)
        return []

    def _those_that_work(self, routes: list[Route], payload: DeliveryFailed) -> list[Route]:
        """Return the routes that told of an event which another route could not tell of.

        A route that is broken is told of by the others, and never by itself.
        """
        lost = Event(id=payload.event_id, source=payload.event_source, type=payload.event_type)
        with transaction(self.sessions, read_only=True) as session:
            return [each for each in routes if remembered(session, _name(each), lost) is not None]

    def _try(self, route: Route, notification: Notification) -> HandlingError | None:
        """Tell by one route; return why that failed, with the route's name."""
        try:
            outcome = self._tell(route, notification)
        except RetryLater as error:
            self._count(route, notification, "retried")
            return RetryLater(f"route {route.name}: {error}", error.after_s)
        except Rejected as error:
            self._count(route, notification, "refused")
            return Rejected(f"route {route.name}: {error}")
        if outcome:
            self._count(route, notification, outcome)
        return None

    def _tell(self, route: Route, notification: Notification) -> str:
        """Tell by one route, or hold back; return which, nothing when it has been done before."""
        event, problem, now = notification.event, notification.problem, self.clock()
        quiet = self.settings.routes.quiet if route.quiet is None else route.quiet
        with transaction(self.sessions, read_only=True) as session:
            if remembered(session, _name(route), event) is not None:
                return ""
            last = notifications.find(session, route.name, problem)
        if last is not None and is_quiet(last.told_at, now, quiet):

            def hold(session: Session) -> list[Event]:
                notifications.hold(session, route.name, problem)
                return []

            write_once(self.sessions, _name(route), event, hold, now=now)
            return "held"
        held = last.held if last else 0
        since = last.told_at if last else None
        self.receivers[route.name].tell(replace(notification, held=held, held_since=since))

        def note(session: Session) -> list[Event]:
            notifications.note_told(session, route.name, problem, now, held)
            return []

        # A crash before this is written tells them once more.
        write_once(self.sessions, _name(route), event, note, now=now)
        return "told"

    def _count(self, route: Route, notification: Notification, outcome: str) -> None:
        self.metrics.count(route.name, notification.severity.value, outcome)


def _name(route: Route) -> str:
    """Return the name under which it is noted which events a route has told of."""
    return f"{FUNCTION}/{route.name}"
