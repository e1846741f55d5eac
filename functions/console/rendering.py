"""What every page has in common: filters, who asks, headers, and answers that say what changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from eventing.words.event_words import words_of
from functions.console.causes import short
from functions.console.charts import log_share
from functions.console.history import when
from functions.console.ledger import NoAnswer

_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


@dataclass(frozen=True)
class Rendering:
    """Renders pages; `steering` says whether they have buttons that send events."""

    steering: bool

    def add_to(self, app: Flask) -> None:
        """Add the filters, the headers, and the page that says which function does not answer."""
        app.jinja_env.filters.update(words=_words, short=short, clock=_clock, way=log_share, cell=_cell)
        app.register_error_handler(NoAnswer, self.no_answer)
        app.register_error_handler(HTTPException, self.refused)
        app.after_request(_guarded)

    def page(self, template: str, code: int = 200, **values: Any) -> Response:
        """Render a page; a browser that has it already is told so."""
        base = "../" * (request.path.count("/") - 1) or "./"
        shared = {"base": base, "here": request.path[1:], "steering": self.steering}
        text = render_template(template, **shared, **values)
        answer = make_response(text, code)
        if code == 200 and request.method == "GET":
            answer.set_etag(hashlib.sha256(text.encode()).hexdigest()[:32])
            answer.headers["Cache-Control"] = "private, no-cache"
            answer.make_conditional(request)
        return answer

    def no_answer(self, error: NoAnswer) -> Response:
        """Say which function does not answer; the page tries again by itself."""
        return self.page("no_answer.html", 404 if error.status == 404 else 503, message=str(error))

    def refused(self, error: HTTPException) -> Response:
        """Say what a person can do about an address that leads nowhere, or about a fault of ours."""
        message = "the console failed; its log says why: kascade logs console"
        if error.code is not None and error.code < 500:
            message = (error.description or error.name).rstrip(".")
        return self.page("no_answer.html", error.code or 500, message=message)


def authorization() -> str | None:
    """Return the caller's Authorization header: the other functions are asked in their name."""
    return request.headers.get("Authorization")


def _guarded(answer: Response) -> Response:
    answer.headers.update(_SECURITY)
    return answer


def _cell(value: Any) -> str:
    """Return a value as a person writes it into a field; empty is missing."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _words(event: Mapping[str, Any]) -> str:
    return words_of(str(event.get("type", "")), event.get("data"))


def _clock(text: Any) -> str:
    at = when(text)
    return f"{at.astimezone():%d %b %H:%M:%S}" if at else ""
