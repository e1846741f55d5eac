"""One prediction as the log has it: its inputs, each version's answer, and its label."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, Response, jsonify
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from eventing.store import Store
from functions.inferences.log import INPUT, read_log
from functions.state.database import transaction
from functions.state.inferences import InferenceBatch
from functions.state.labels import JoinedLabel
from pipelines.prediction_ids import time_of


@dataclass(frozen=True)
class Predictions:
    """The route `GET /predictions/<id>`."""

    sessions: sessionmaker[Session]
    store: Store

    def add_to(self, app: Flask) -> None:
        """Add the route to the application."""
        app.add_url_rule("/predictions/<prediction_id>", view_func=self.prediction, methods=["GET"])

    def prediction(self, prediction_id: str) -> Response:
        """Answer every row with this id: the served one, and a shadow's. The id tells when to look."""
        at = time_of(prediction_id)
        if at is None:
            return _missing(f"{prediction_id!r} is no prediction id: those are UUIDs of version 7")
        with transaction(self.sessions, read_only=True) as session:
            around = select(InferenceBatch).where(InferenceBatch.first <= at, InferenceBatch.last >= at)
            batches = session.scalars(
                around.where(InferenceBatch.rows > 0).order_by(InferenceBatch.seq)
            ).all()
            labels = session.scalars(select(JoinedLabel).filter_by(prediction_id=prediction_id)).all()
        known = {label.model: label for label in labels}
        rows = [
            _row_of(batch, row, known.get(batch.model))
            for batch in batches
            for row in self._rows(batch, prediction_id)
        ]
        if not rows:
            return _missing(f"no prediction {prediction_id} is in the log")
        return jsonify({"prediction_id": prediction_id, "rows": rows})

    def _rows(self, batch: InferenceBatch, prediction_id: str) -> list[dict[str, Any]]:
        table = read_log(self.store, [batch.claim])
        ids = table.column("prediction_id").to_pylist()
        return [
            table.slice(index, 1).to_pylist()[0] for index, each in enumerate(ids) if each == prediction_id
        ]


def _row_of(batch: InferenceBatch, row: dict[str, Any], label: JoinedLabel | None) -> dict[str, Any]:
    inputs = {name.removeprefix(INPUT): value for name, value in row.items() if name.startswith(INPUT)}
    plain = {name: value for name, value in row.items() if not name.startswith(INPUT) and value is not None}
    plain["at"] = row["at"].isoformat() if isinstance(row["at"], datetime) else row["at"]
    return {
        **plain,
        "model": batch.model,
        "inputs": inputs,
        "label": label.value if label else None,
        "label_id": label.label_id if label else None,
        "late": label.late if label else None,
        "batch": {"event_id": batch.event_id, "uri": batch.uri, "window": batch.window},
    }


def _missing(message: str) -> Response:
    answer = jsonify({"error": message})
    answer.status_code = 404
    return answer
