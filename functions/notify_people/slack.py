"""Tells people by a Slack-compatible incoming webhook: `{"text": …}`."""

from __future__ import annotations

from dataclasses import dataclass

from functions.notify_people.logic import Notification
from functions.notify_people.posting import Posting, dump

MAX_TEXT = 3500
_MARKS = {
    "info": "\N{LARGE BLUE CIRCLE}",
    "warning": "\N{WARNING SIGN}",
    "critical": "\N{POLICE CARS REVOLVING LIGHT}",
}


@dataclass(frozen=True)
class SlackReceiver:
    """An incoming webhook of Slack, or of what understands the same."""

    posting: Posting

    def tell(self, notification: Notification) -> None:
        """Post a message. Its text is not to be read as markup: `*` and `_` in a name are no format."""
        self.posting.post(dump({"text": text_of(notification), "mrkdwn": False}), {})


def text_of(notification: Notification) -> str:
    """Write a message: heading, lines, the link, and what it is about."""
    lines = [f"{_MARKS[notification.severity]} {notification.heading}", *notification.lines]
    text = escape("\n".join([*lines, notification.held_words]).strip())
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT].rpartition("\n")[0] + "\n…"
    link = [f"<{escape(notification.link)}>"] if notification.link else []
    return "\n".join([text, *link, escape(notification.origin)])


def escape(text: str) -> str:
    """Escape the three characters that Slack asks to be escaped; so no text can mention or link anything."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
