"""The pages that only show: the loop, a model, events, why, and dead letters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Response, make_response, render_template, request

from eventing import catalogue as c
from eventing.clock import Clock
from eventing.words.event_words import words_of
from eventing.words.model_status import model_status, waiting_words
from functions.console.charts import LineChart, line_chart, log_share
from functions.console.cluster import Cluster, Function, Unknown
from functions.console.history import Point, drift_table, loss_by_version, parts_of, when
from functions.console.ledger import Json, Ledger, NoAnswer
from functions.console.picture import picture_of
from functions.console.settings import Settings
from functions.console.trying import curl_line, features_of, page_of, python_lines

NEWEST, MOST_EVENTS = 150, 200
LATELY = 25
WAIT_S = 20.0
NOISE = (c.TimerDue.type, c.FeedbackReceived.type, c.S3_PREFIX)
"""What comes by the hundred and says little: it is left out of the newest events."""
_DECISIVE = {"promoted": "good", "rolled_back": "bad", "rejected": "bad", "inconclusive": "neutral"}
_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


@dataclass(frozen=True)
class Pages:
    """The routes that only show."""

    settings: Settings
    ledger: Ledger
    cluster: Cluster
    clock: Clock

    def add_to(self, app: Flask) -> None:
        """Add the routes to the application."""
        routes = Blueprint("console", __name__, static_folder="static", static_url_path="/assets")
        routes.add_url_rule("/", "loop", self.loop)
        routes.add_url_rule("/models/<model>", "model", self.model)
        routes.add_url_rule("/models/<model>/try", "try", self.try_it, methods=["POST"])
        routes.add_url_rule("/events", "events", self.events)
        routes.add_url_rule("/why/<path:reference>", "why", self.why)
        routes.add_url_rule("/dead-letters", "dead_letters", self.dead_letters)
        routes.add_url_rule("/changes", "changes", self.changes)
        routes.register_error_handler(NoAnswer, self.no_answer)
        routes.after_request(_guarded)
        app.register_blueprint(routes)
        app.jinja_env.filters.update(words=_words, short=_short, clock=_clock, way=log_share)

    def loop(self) -> Response:
        """Show the functions, the models and what happened last."""
        rows = self.ledger.events(_authorization(), newest=1, limit=NEWEST)
        functions, problem = self._functions()
        picture = picture_of(functions, rows, self.clock())
        models = [_card(each, self._losses(each)) for each in self.ledger.models(_authorization())]
        return self._page(
            "loop.html", picture=picture, problem=problem, models=models, rows=_listed(rows)[:LATELY]
        )

    def model(self, model: str) -> Response:
        """Show one model: its versions, their quality, what was decided about them, and what waits."""
        return self._page("model.html", **self._model(model))

    def try_it(self, model: str) -> Response:
        """Ask the model about one row, and show its answer with the lines that ask the same."""
        about = self._model(model)
        features, problem = features_of(about["inputs"], request.form)
        answer = None
        if not problem:
            try:
                answer = self.ledger.predict(model, features, _authorization())
            except NoAnswer as error:
                problem = str(error)
        tried = {
            "answer": answer,
            "problem": problem,
            "given": request.form,
            "curl": curl_line(self.settings.services_url, model, features),
            "python": python_lines(model, features),
        }
        return self._page("model.html", **{**about, "tried": tried})

    def events(self) -> Response:
        """List events, the newest first, narrowed by type, model and chain."""
        asked = {name: request.args.get(name, "") for name in ("type", "subject", "correlation", "before")}
        query: dict[str, Any] = {**asked, "type": _full_type(asked["type"])}
        rows = self.ledger.events(_authorization(), newest=1, limit=MOST_EVENTS, **query)
        older = rows[0]["seq"] if len(rows) == MOST_EVENTS else None
        return self._page("events.html", rows=list(reversed(rows)), asked=asked, older=older)

    def why(self, reference: str) -> Response:
        """Show what led to a version or an event, and what came of it."""
        try:
            found = self.ledger.explain(reference, _authorization())
        except NoAnswer as error:
            if error.status != 404:
                raise
            return self._page("why.html", 404, reference=reference, found=None, event=None)
        event = None
        if "/v" not in reference:
            event = self.ledger.event(reference, _authorization())["event"]
        return self._page("why.html", reference=reference, found=found, event=event)

    def dead_letters(self) -> Response:
        """List what nobody took."""
        return self._page(
            "dead_letters.html", letters=list(reversed(self.ledger.dead_letters(_authorization())))
        )

    def changes(self) -> Response:
        """Answer the newest sequence number once it differs from `seen`, or after a while."""
        seen = request.args.get("seen", "")
        if not (seen.isascii() and seen.isdigit() and len(seen) < 16):
            rows, after = self.ledger.events(_authorization(), newest=1, limit=1), 0
        else:
            after = int(seen)
            rows = self.ledger.events(_authorization(), newest=1, after=after, limit=1, wait_s=WAIT_S)
        return make_response({"seen": rows[-1]["seq"] if rows else after})

    def no_answer(self, error: NoAnswer) -> Response:
        """Say which function does not answer; the page tries again by itself."""
        return self._page("no_answer.html", 404 if error.status == 404 else 503, message=str(error))

    def _functions(self) -> tuple[Sequence[Function] | None, str]:
        try:
            return self.cluster.functions(), ""
        except Unknown as error:
            return None, str(error)

    def _losses(self, model: Json) -> dict[int, list[Point]]:
        rows = self.ledger.events(
            _authorization(), newest=1, limit=500, type=c.FeedbackJoined.type, subject=model["model"]
        )
        return loss_by_version(rows)

    def _model(self, name: str) -> dict[str, Any]:
        found = next((each for each in self.ledger.models(_authorization()) if each["model"] == name), None)
        if found is None:
            raise NoAnswer(f"there is no model {name}", 404)

        def rows(type_: str, limit: int) -> list[Json]:
            return self.ledger.events(_authorization(), newest=1, limit=limit, type=type_, subject=name)

        inputs, unserved = self._inputs(name)
        decided = [*rows(c.RolloutDecided.type, 20), *rows(c.RolloutCompleted.type, 20)]
        return {
            "model": found,
            "status": model_status(found),
            "chart": _chart(found, self._losses(found)),
            "drift": drift_table(rows(c.DriftChecked.type, 24)),
            "parts": parts_of(rows(f"{c.PREFIX}dataset.*", 12)),
            "decided": sorted(decided, key=lambda row: -row["seq"]),
            "deferred": rows(c.TrainingDeferred.type, 1),
            "inputs": inputs,
            "unserved": unserved,
            "page": page_of(self.settings.services_url, name),
            "tried": None,
        }

    def _inputs(self, model: str) -> tuple[list[Json], str]:
        try:
            return self.ledger.inputs(model, _authorization()), ""
        except NoAnswer as error:
            return [], str(error)

    def _page(self, template: str, code: int = 200, **values: Any) -> Response:
        base = "../" * (request.path.count("/") - 1) or "./"
        shared = {"base": base, "here": request.path[1:], "steering": self.settings.steering}
        text = render_template(template, **shared, **values)
        answer = make_response(text, code)
        if code == 200 and request.method == "GET":
            answer.set_etag(hashlib.sha256(text.encode()).hexdigest()[:32])
            answer.headers["Cache-Control"] = "private, no-cache"
            answer.make_conditional(request)
        return answer


def _guarded(answer: Response) -> Response:
    answer.headers.update(_SECURITY)
    return answer


def _authorization() -> str | None:
    """Return the caller's Authorization header: the other functions are asked in their name."""
    return request.headers.get("Authorization")


def _listed(rows: Sequence[Json]) -> list[Json]:
    return [row for row in reversed(rows) if not row["event"]["type"].startswith(NOISE)]


def _card(model: Json, losses: Mapping[int, Sequence[Point]]) -> Json:
    champion = losses.get(model["champion"] or 0, ())
    return {
        **model,
        "loss": champion[-1].value if champion else None,
        "waiting": waiting_words(model),
        "chart": _chart(model, losses),
    }


def _chart(model: Json, losses: Mapping[int, Sequence[Point]]) -> LineChart | None:
    decisions = []
    for version in model["versions"]:
        for fact in version["facts"]:
            at, kind = when(fact["at"]), _DECISIVE.get(fact["fact"])
            if at is not None and kind is not None:
                decisions.append((at, f"v{version['version']} {fact['fact'].replace('_', ' ')}", kind))
    return line_chart({f"v{version}": found for version, found in losses.items()}, decisions)


def _full_type(type_: str) -> str:
    """Return a type as it is in the ledger; ours are written without their prefix."""
    known = type_.startswith(("com.", "dev.", "org."))
    return type_ if known or not type_ else c.PREFIX + type_


def _words(event: Mapping[str, Any]) -> str:
    return words_of(str(event.get("type", "")), event.get("data"))


def _short(type_: str) -> str:
    return type_.removeprefix(c.PREFIX).removeprefix(c.S3_PREFIX)


def _clock(text: Any) -> str:
    at = when(text)
    return f"{at.astimezone():%d %b %H:%M:%S}" if at else ""
