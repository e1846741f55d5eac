"""The buttons: each sends the event that the command line would, and shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Flask, Response, redirect, render_template, request
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from eventing import catalogue as c
from eventing.clock import Clock
from eventing.event import Event, originate
from eventing.sink import EventSink, SinkError
from functions.console.ledger import Ledger, NoAnswer
from functions.console.logic import SOURCE

_ROLLOUT = {
    "pause": c.RolloutAction.PAUSE,
    "resume": c.RolloutAction.RESUME,
    "promote": c.RolloutAction.PROMOTE,
    "rollback": c.RolloutAction.ROLL_BACK,
}


class BadRequest(Exception):
    """The form asks for something that there is not."""


@dataclass(frozen=True)
class Steering:
    """The routes that send events."""

    ledger: Ledger
    sink: EventSink
    clock: Clock

    def add_to(self, app: Flask) -> None:
        """Add the routes to the application."""
        routes = Blueprint("steering", __name__)
        routes.add_url_rule("/models/<model>/steer", "steer", self.steer, methods=["POST"])
        letter = "/dead-letters/<int:letter>"
        routes.add_url_rule(f"{letter}/redrive", "redrive", self.redrive, methods=["POST"])
        routes.add_url_rule(f"{letter}/discard", "discard", self.discard, methods=["POST"])
        app.register_blueprint(routes)

    def steer(self, model: str) -> AnyResponse:
        """Send the event of one button, and show it."""
        try:
            event = event_of(model, request.form, self.clock())
        except (BadRequest, ValidationError, ValueError) as error:
            return _refused(f"this cannot be asked for: {error}", 400, "../../")
        try:
            self.sink.send(event)
        except SinkError as error:
            return _refused(f"the broker has not taken it: {error}", 503, "../../")
        return redirect(_why(event.id), 303)

    def redrive(self, letter: int) -> AnyResponse:
        """Send a dead letter's event to the broker again."""
        try:
            sent = self.ledger.redrive(letter, request.headers.get("Authorization"))
        except NoAnswer as error:
            return _refused(str(error), error.status or 503, "../../")
        return redirect(_why(sent["redriven"]), 303)

    def discard(self, letter: int) -> AnyResponse:
        """Note that nothing is to be done about a dead letter."""
        try:
            self.ledger.discard(letter, request.headers.get("Authorization"))
        except NoAnswer as error:
            return _refused(str(error), error.status or 503, "../../")
        return redirect("../../dead-letters", 303)


def event_of(model: str, form: Mapping[str, str], now: datetime) -> Event:
    """Return the event that a form asks for.

    Args:
        model: its name.
        form: `action`; `version` where the action is about one; `by` and `comment` as a person writes them.
        now: aware.

    Raises:
        BadRequest: there is no such action.
        ValidationError: a field cannot be so.
        ValueError: the version is no number.
    """
    action, by, comment = (
        form.get("action", ""),
        form.get("by", "").strip() or "console",
        form.get("comment", ""),
    )
    version = int(form["version"]) if form.get("version") else None
    payload: Any
    if action in _ROLLOUT:
        payload = c.RolloutRequested(
            model=model, action=_ROLLOUT[action], version=version, requested_by=by, comment=comment
        )
    elif action == "retrain":
        payload = c.TrainingRequested(model=model, requested_by=by, comment=comment)
    elif action == "approve" and version is not None:
        payload = c.ModelApproved(model=model, version=version, approved_by=by)
    elif action == "reject" and version is not None:
        payload = c.ModelRejected(model=model, version=version, rejected_by=by, message=comment)
    else:
        raise BadRequest(f"there is no action {action!r} with version {version}")
    subject = f"{model}/v{version}" if action in ("approve", "reject") else model
    return originate(type(payload).type, SOURCE, subject, payload, now=now)


def _why(id_: str) -> str:
    return f"../../why/{quote(id_, safe='')}"  # whoever sent the event has chosen its id


def _refused(message: str, status: int, base: str) -> Response:
    return Response(render_template("no_answer.html", message=message, base=base, steering=True), status)
