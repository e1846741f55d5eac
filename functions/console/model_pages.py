"""The pages about one model: how it is, its trainings, its data, and one check for drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Response, request

from eventing import catalogue as c
from eventing.words.model_status import model_status
from functions.console.distributions import figures_of
from functions.console.governor import why_not_now
from functions.console.headline import headline_of
from functions.console.history import drift_table, loss_by_version, loss_chart, parts_of
from functions.console.ledger import Json, Ledger, NoAnswer
from functions.console.rendering import Rendering, authorization
from functions.console.runs import runs_of
from functions.console.stages import version_histories
from functions.console.trying import curl_line, features_of, page_of, python_lines
from functions.console.wealth import histories_of

_ROLLOUTS, _CHECKS, _PARTS, _RUNS = 100, 24, 50, 30


@dataclass(frozen=True)
class ModelPages:
    """The routes under /models/<model> that only show, and the form that asks the model."""

    rendering: Rendering
    ledger: Ledger
    services_url: str

    def add_to(self, app: Flask) -> None:
        """Add the routes to the application."""
        routes = Blueprint("models", __name__, url_prefix="/models/<model>")
        routes.add_url_rule("", "model", self.model)
        routes.add_url_rule("/try", "try", self.try_it, methods=["POST"])
        routes.add_url_rule("/runs", "runs", self.runs)
        routes.add_url_rule("/data", "data", self.data)
        routes.add_url_rule("/drift/<path:check>", "drift", self.drift)
        app.register_blueprint(routes)

    def model(self, model: str) -> Response:
        """Show one model: its versions, their quality, what was decided about them, and what waits."""
        return self.rendering.page("model.html", **self._model(model))

    def try_it(self, model: str) -> Response:
        """Ask the model about one row, and show its answer with the lines that ask the same."""
        about = self._model(model)
        features, problem = features_of(about["inputs"], request.form)
        answer = None
        if not problem:
            try:
                answer = self.ledger.predict(model, features, authorization())
            except NoAnswer as error:
                problem = str(error)
        tried = {
            "answer": answer,
            "problem": problem,
            "given": request.form,
            "curl": curl_line(self.services_url, model, features),
            "python": python_lines(model, features),
        }
        return self.rendering.page("model.html", **{**about, "tried": tried})

    def runs(self, model: str) -> Response:
        """Show the trainings side by side, the steps of those under way, and why others failed."""
        found = self._found(model)
        completed = self._rows(c.TrainingCompleted.type, model, _RUNS)
        failed = self._rows(c.TrainingFailed.type, model, _RUNS)
        runs, metrics = runs_of(found, completed, failed)
        return self.rendering.page("runs.html", model=found, runs=runs, metrics=metrics)

    def data(self, model: str) -> Response:
        """Show what became of each dropped file."""
        found = self._found(model)
        return self.rendering.page("data.html", model=found, parts=self._parts(model, _PARTS))

    def drift(self, model: str, check: str) -> Response:
        """Show both distributions of each feature in one check for drift."""
        row = self.ledger.event(check, authorization())
        event = row["event"]
        if event["type"] not in (c.DriftChecked.type, c.DriftDetected.type):
            raise NoAnswer(f"the event {check} is no check for drift", 404)
        data = event.get("data") or {}
        return self.rendering.page(
            "drift.html", name=model, event=event, check=data, figures=figures_of(data)
        )

    def _found(self, name: str) -> Json:
        found = next((each for each in self.ledger.models(authorization()) if each["model"] == name), None)
        if found is None:
            raise NoAnswer(f"there is no model {name}", 404)
        return found

    def _rows(self, type_: str, model: str, limit: int) -> list[Json]:
        return self.ledger.newest(type_, model, limit, authorization())

    def _parts(self, model: str, limit: int) -> list[Any]:
        return parts_of(self._rows(f"{c.PREFIX}dataset.*", model, limit))

    def _model(self, name: str) -> dict[str, Any]:
        found = self._found(name)
        inputs, unserved = self._inputs(name)
        rollouts = self._rows(f"{c.PREFIX}rollout.*", name, _ROLLOUTS)
        verdicts = [row for row in rollouts if row["event"]["type"] == c.RolloutDecided.type]
        ends = [row for row in rollouts if row["event"]["type"] == c.RolloutCompleted.type]
        losses = loss_by_version(self._rows(c.FeedbackJoined.type, name, 500))
        drift, rules = drift_table(self._rows(c.DriftChecked.type, name, _CHECKS)), why_not_now(found)
        return {
            "model": found,
            "headline": headline_of(found, losses, drift, rules),
            "stages": version_histories(found, rollouts),
            "status": model_status(found),
            "chart": loss_chart(found, losses),
            "histories": histories_of(found, verdicts),
            "drift": drift,
            "parts": self._parts(name, 12),
            "decided": sorted([*verdicts, *ends], key=lambda row: -row["seq"]),
            "why_not_now": rules,
            "deferred": self._rows(c.TrainingDeferred.type, name, 1),
            "inputs": inputs,
            "example": self.ledger.example(name, authorization()) if inputs else {},
            "unserved": unserved,
            "page": page_of(self.services_url, name),
            "tried": None,
        }

    def _inputs(self, model: str) -> tuple[list[Json], str]:
        try:
            return self.ledger.inputs(model, authorization()), ""
        except NoAnswer as error:
            return [], str(error)
