"""The pages about all models: the loop, events, why something happened, and dead letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Response, make_response, request

from eventing import catalogue as c
from eventing.clock import Clock
from eventing.words.model_status import waiting_words
from functions.console.causes import causes_of, maker_of, with_prediction
from functions.console.charts import Point
from functions.console.cluster import Cluster, Function, Unknown
from functions.console.graph import graph_of
from functions.console.history import loss_by_version, loss_chart
from functions.console.ledger import Json, Ledger, NoAnswer
from functions.console.picture import picture_of
from functions.console.rendering import Rendering, authorization
from pipelines.prediction_ids import canonical, time_of

NEWEST, MOST_EVENTS = 150, 200
LATELY = 25
WAIT_S = 20.0
NOISE = (c.TimerDue.type, c.FeedbackReceived.type, c.S3_PREFIX)
"""What comes by the hundred and says little: it is left out of the newest events."""


@dataclass(frozen=True)
class Pages:
    """The routes that only show."""

    rendering: Rendering
    ledger: Ledger
    cluster: Cluster
    clock: Clock

    def add_to(self, app: Flask) -> None:
        """Add the routes to the application."""
        routes = Blueprint("console", __name__, static_folder="static", static_url_path="/assets")
        routes.add_url_rule("/", "loop", self.loop)
        routes.add_url_rule("/events", "events", self.events)
        routes.add_url_rule("/why/<path:reference>", "why", self.why)
        routes.add_url_rule("/dead-letters", "dead_letters", self.dead_letters)
        routes.add_url_rule("/changes", "changes", self.changes)
        app.register_blueprint(routes)

    def loop(self) -> Response:
        """Show the functions, the models and what happened last."""
        rows = self.ledger.events(authorization(), newest=1, limit=NEWEST)
        functions, problem = self._functions()
        picture = picture_of(functions, rows, self.clock())
        models = [_card(each, self._losses(each)) for each in self.ledger.models(authorization())]
        return self.rendering.page(
            "loop.html",
            picture=picture,
            problem=problem,
            waiting=self.cluster.waiting(),
            models=models,
            rows=_listed(rows)[:LATELY],
        )

    def events(self) -> Response:
        """List events, the newest first, narrowed by type, model and chain."""
        asked = {name: request.args.get(name, "") for name in ("type", "subject", "correlation", "before")}
        query: dict[str, Any] = {**asked, "type": _full_type(asked["type"])}
        rows = self.ledger.events(authorization(), newest=1, limit=MOST_EVENTS, **query)
        older = rows[0]["seq"] if len(rows) == MOST_EVENTS else None
        return self.rendering.page("events.html", rows=list(reversed(rows)), asked=asked, older=older)

    def why(self, reference: str) -> Response:
        """Show what led to a version, an event or a prediction, and what came of it."""
        about, prediction = canonical(reference), None
        try:
            found = self._explained(reference)
            if found is None and time_of(about) is not None:
                prediction = self.ledger.prediction(about, authorization())
                found = self._explained(maker_of(prediction)) or {"chain": []}
        except NoAnswer as error:
            if error.status != 404:
                raise
            found = None
        if found is None:
            return self.rendering.page("why.html", 404, reference=reference, found=None)
        causes = causes_of(found["chain"], reference)
        event = None
        if prediction is not None:
            causes = with_prediction(causes, prediction)
        elif "/v" not in reference:
            event = self.ledger.event(reference, authorization())["event"]
        return self.rendering.page(
            "why.html",
            reference=reference,
            found=found,
            causes=causes,
            graph=graph_of(causes),
            event=event,
            prediction=prediction,
        )

    def _explained(self, reference: str) -> Json | None:
        """Return what the ledger explains; None where it has recorded nothing of it. Raises: NoAnswer."""
        try:
            return self.ledger.explain(reference, authorization())
        except NoAnswer as error:
            if error.status != 404:
                raise
            return None

    def dead_letters(self) -> Response:
        """List what nobody took."""
        letters = list(reversed(self.ledger.dead_letters(authorization())))
        return self.rendering.page("dead_letters.html", letters=letters)

    def changes(self) -> Response:
        """Answer the newest sequence number once it differs from `seen`, or after a while."""
        seen = request.args.get("seen", "")
        if not (seen.isascii() and seen.isdigit() and len(seen) < 16):
            rows, after = self.ledger.events(authorization(), newest=1, limit=1), 0
        else:
            after = int(seen)
            rows = self.ledger.events(authorization(), newest=1, after=after, limit=1, wait_s=WAIT_S)
        return make_response({"seen": rows[-1]["seq"] if rows else after})

    def _functions(self) -> tuple[Sequence[Function] | None, str]:
        try:
            return self.cluster.functions(), ""
        except Unknown as error:
            return None, str(error)

    def _losses(self, model: Json) -> dict[int, list[Point]]:
        return loss_by_version(
            self.ledger.newest(c.FeedbackJoined.type, model["model"], 500, authorization())
        )


def _listed(rows: Sequence[Json]) -> list[Json]:
    """Return the newest first; of the same type about the same, one after the other, the newest alone."""
    found: list[Json] = []
    for row in reversed(rows):
        event = row["event"]
        if event["type"].startswith(NOISE):
            continue
        if found and all(found[-1]["event"].get(name) == event.get(name) for name in ("type", "subject")):
            found[-1] = {**found[-1], "before": found[-1].get("before", 0) + 1}
        else:
            found.append(row)
    return found


def _card(model: Json, losses: Mapping[int, Sequence[Point]]) -> Json:
    champion = losses.get(model["champion"] or 0, ())
    return {
        **model,
        "loss": champion[-1].value if champion else None,
        "waiting": waiting_words(model),
        "chart": loss_chart(model, losses),
    }


def _full_type(type_: str) -> str:
    """Return a type as it is in the ledger; ours are written without their prefix."""
    known = type_.startswith(("com.", "dev.", "org."))
    return type_ if known or not type_ else c.PREFIX + type_
