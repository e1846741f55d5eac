"""What an event comes to as a notification, and whom a route tells. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from urllib.parse import quote

from eventing import catalogue as c
from eventing.event import Event
from eventing.words.event_words import words_of
from eventing.words.fixes import fixes_of
from functions.notify_people.occasions import Severity, occasion_of
from functions.notify_people.routes import OFF, Route

FUNCTION = "notify_people"
MAX_LINE, MAX_LINES = 500, 8
_MODEL = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")


@dataclass(frozen=True)
class Notification:
    """What people are told. Every text is one line, of printable characters.

    Attributes:
        occasion: its name in the table of severities.
        model: None when it is about none.
        problem: what two events have in common that are the same problem.
        lines: what happened in the words of the command line, why, and the fix.
        link: a page of the console; empty where its address is not known.
        held: how many of the same problem were held back since the last one that was told.
        held_since: when that last one was told.
    """

    occasion: str
    severity: Severity
    model: str | None
    problem: str
    title: str
    lines: tuple[str, ...]
    link: str
    event: Event
    held: int = 0
    held_since: datetime | None = None

    @property
    def heading(self) -> str:
        """Urgency, model and what happened."""
        return f"{self.severity.upper()} {self.model or 'kascade'}: {self.title}"

    @property
    def held_words(self) -> str:
        """Say how many were held back; nothing when none were."""
        if not self.held or self.held_since is None:
            return ""
        since = self.held_since.strftime("%Y-%m-%d %H:%M UTC")
        return f"{self.held} more of the same since {since} were held back"

    @property
    def origin(self) -> str:
        """Say which event it is about."""
        at = f", {self.event.time.isoformat(timespec='seconds')}" if self.event.time else ""
        return one_line(f"event {self.event.type.removeprefix(c.PREFIX)} {self.event.id}{at}")


def describe(
    event: Event, payload: c.Payload, severities: Mapping[str, str], console_url: str
) -> Notification | None:
    """Return what to tell people of an event; None when nobody is to be told.

    Args:
        severities: those that a route file gives in place of the usual ones, by occasion.
        console_url: the console's public address, or nothing.
    """
    data = payload.model_dump(mode="json", exclude_none=True)
    occasion = occasion_of(event.type, data)
    if occasion is None:
        return None
    severity = severities.get(occasion.name, occasion.severity)
    if severity == OFF:
        return None
    model = _model_of(event, payload)
    notified = [words_of(event.type, data)]
    if isinstance(payload, c.RolloutCompleted) and payload.message not in notified[0]:
        notified.append(payload.message)
    notified += fixes_of({"type": event.type, "data": data})
    if len(notified) > MAX_LINES:
        notified[MAX_LINES - 1 :] = [f"and {len(notified) - MAX_LINES + 1} more"]
    return Notification(
        occasion=occasion.name,
        severity=Severity(severity),
        model=model,
        problem="|".join([occasion.name, model or "", *(str(data.get(name, "")) for name in occasion.same)]),
        title=occasion.title,
        lines=tuple(one_line(each) for each in notified if each),
        link=_link(console_url, event, payload, model),
        event=event,
    )


def wants(route: Route, notification: Notification) -> bool:
    """Say whether a route tells people of it: urgent enough, and about one of its models."""
    if not notification.severity.reaches(route.severity):
        return False
    if route.models is None:
        return True
    model = notification.model
    return model is not None and any(fnmatchcase(model, each) for each in route.models)


def is_quiet(told_at: datetime, now: datetime, quiet: timedelta) -> bool:
    """Say whether a problem that was told then is not to be told again yet."""
    return timedelta(0) <= now - told_at < quiet


def is_own_failure(payload: c.Payload) -> bool:
    """Say whether it is notify_people itself that an event could not be delivered to."""
    if not isinstance(payload, c.DeliveryFailed):
        return False
    return FUNCTION.replace("_", "-") in re.split(r"[/.:]", payload.destination)


def one_line(text: str, most: int = MAX_LINE) -> str:
    """Return a text as one line: no line ends, controls or marks of direction can come from a name."""
    clean = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def _model_of(event: Event, payload: c.Payload) -> str | None:
    name = getattr(payload, "model", None)
    if isinstance(payload, c.DeliveryFailed):
        name = (payload.event_subject or "").partition("/")[0]
        return name if _MODEL.fullmatch(name) else None
    return one_line(name, 60) if name else None


def _link(base: str, event: Event, payload: c.Payload, model: str | None) -> str:
    if not base:
        return ""
    if isinstance(payload, c.DeliveryFailed):
        return f"{base}/dead-letters"
    known = model is not None and _MODEL.fullmatch(model)
    return f"{base}/models/{model}" if known else f"{base}/why/{quote(event.id, safe='')}"
