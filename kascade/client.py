"""The public Python API: a client of a running system, on this machine or on a cluster.

    import kascade

    client = kascade.connect()                      # or a state folder, http://HOST:PORT, k8s://CONTEXT/NAMESPACE
    client.drop(b"target: churned", "churn", name="model.yaml")
    client.drop(frame, "churn")                     # a DataFrame, a list of dicts, or a file
    answers = client.predict("churn", frame)        # a DataFrame
    client.register("other.onnx", "churn")          # a model that was made elsewhere
    client.label("churn", answers.assign(label=truth))
    client.events(subject="churn"), client.models(), client.explain("churn/v1")

It speaks HTTP and S3, as any other client would. Tables come out as pandas DataFrames, which need the extra
`client`; beside each there is a method that returns the same as JSON values.
"""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import requests

from eventing import catalogue as c
from eventing.store import Store
from kascade.events import event_of, full_type
from kascade.reach.calls import Calls
from kascade.reach.port import CallError, Reach
from kascade.reach.systems import reach_of, store_of
from kascade.registering import offer
from kascade.rendering import rows as shown
from kascade.tables import Row, Table, frame_of, json_lines, rows_of, times

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "/kascade/client"
LEDGER, PREDICTIONS = "record-events", "log-inferences"
_ROWS_A_REQUEST = 1000
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


def connect(system: str | Path | None = None, *, timeout_s: float = 60) -> Client:
    """Return a client of a running system. Nothing is asked before its first call.

    Args:
        system: a state folder, `http://HOST:PORT` of a gateway, or `k8s://CONTEXT/NAMESPACE` of a cluster;
            else what `$KASCADE_URL` or `$KASCADE_HOME` names, else `.kascade` here.
        timeout_s: how long one call may take.
    """
    return Client(partial(reach_of, system), partial(store_of, system), timeout_s=timeout_s)


class Client(Calls):
    """Speaks to one system; made by `connect`. Each method may raise CallError and HomeError.

    Args:
        reach: makes the way to its functions and its broker; called when that is first needed.
        store: opens its object store.
        timeout_s: how long one call may take.
    """

    def __init__(
        self,
        reach: Callable[[], Reach],
        store: Callable[[], AbstractContextManager[Store]],
        *,
        timeout_s: float = 60,
    ) -> None:
        super().__init__(reach, timeout_s=timeout_s)
        self.store = store

    def drop(
        self,
        data: Table | str | Path | bytes | BinaryIO,
        model: str,
        *,
        name: str | None = None,
        bucket: str = "raw",
    ) -> str:
        """Put data, or a model.yaml, into the bucket, as any S3 client could; return its address.

        Args:
            data: a file's path; its content; or a table.
            model: the model it belongs to.
            name: of the object. A file has its own by default, a table one that follows from its content.
        """
        if isinstance(data, str | Path):
            with Path(data).open("rb") as stream:
                return self.drop(stream, model, name=name or Path(data).name, bucket=bucket)
        if isinstance(data, bytes) or hasattr(data, "read"):
            content = cast("bytes | BinaryIO", data)
        else:
            content = json_lines(rows_of(cast("Table", data)))
            name = name or f"{hashlib.sha256(content).hexdigest()[:16]}.jsonl"
        if name is None:
            raise ValueError("content needs the name that its object shall have, such as model.yaml")
        uri = f"s3://{bucket}/{model}/{name}"
        with self.store() as store:
            store.put(uri, content)
        return uri

    def register(
        self,
        source: str | Path | bytes,
        model: str,
        *,
        features: list[str] | None = None,
        classes: list[Any] | None = None,
        registered_by: str = "kascade client",
        comment: str = "",
        force: bool = False,
    ) -> str:
        """Offer a model that was made elsewhere as a challenger; return the id of the event sent.

        Args:
            source: an ONNX file's path, its content, or a model in MLflow such as `models:/churn/3`.
            model: the model it becomes a version of.
            features: the columns of its one tensor, in order; by default all features as the data has them.
            classes: what its probabilities stand for; by default the data's classes in order.
            registered_by: who asks.
            comment: why.
            force: also if the same file has become a version before.

        Raises:
            OutsideModelError: it is no model that could be registered.
            ValueError: the model's name, a feature or a class cannot be one.
        """
        offered = offer(
            source,
            model,
            features=features,
            classes=classes,
            registered_by=registered_by,
            comment=comment,
            force=force,
        )
        with self.store() as store:
            offered.put(store)
        return self.send(c.ModelRegistered.type, offered.payload.model_dump(mode="json", exclude_none=True))

    def send(
        self,
        type_: str,
        data: Any = None,
        *,
        subject: str | None = None,
        source: str = SOURCE,
        id_: str | None = None,
    ) -> str:
        """Send an event to the broker and return its id.

        Args:
            type_: the prefix `dev.kascade.` may be left out.
            data: a JSON value.
            subject: what it is about; the `model` in the data by default.
            source: who sends it.
            id_: a random one by default.

        Raises:
            InvalidEvent: it is no CloudEvent.
        """
        event = event_of(type_, data, subject=subject, source=source, id_=id_)
        self.emit(event)
        return event.id

    def predict(self, model: str, rows: Table) -> pd.DataFrame:
        """Ask a model; return `prediction`, `prediction_id`, `model_version` and what else it answers.

        Args:
            model: its name.
            rows: the features by name; or the entity's column with what only the request knows, where the
                model looks its features up. A DataFrame keeps its index, for `join`.
        """
        index = getattr(rows, "index", None) if hasattr(rows, "notna") else None
        answers = list(self.predict_rows(model, rows_of(rows)))
        return frame_of(answers, shown.PREDICTION, index)

    def predict_rows(self, model: str, rows: list[Row]) -> Iterator[Row]:
        """Yield the answer to each row as JSON values."""
        for first in range(0, len(rows), _ROWS_A_REQUEST):
            instances = rows[first : first + _ROWS_A_REQUEST]
            yield from shown.prediction_rows(self._answers(model, {"instances": instances}))

    def _answers(self, model: str, body: Row) -> Row:
        path = f"/v1/models/{model}:predict"
        try:
            answers: Row = self.post(model, path, body)
        except CallError as error:
            services = self.services()
            names = {each["metadata"]["name"] for each in services or []}
            if services is None or model in names:
                raise
            if (by_kserve := f"{model}-predictor") in names:
                answers = self.post(by_kserve, path, body)
            else:
                raise CallError(
                    f"no version of {model} serves; `kascade models` says how far each model is"
                ) from error
        return answers

    def label(self, model: str, predictions: str | Table, label: Any = None, *, source: str = SOURCE) -> str:
        """Say what the truth was; return the id of the event sent, or the address of the file dropped.

        Args:
            model: whose predictions they are.
            predictions: one prediction's id; or a table with the columns `prediction_id` and `label`, or
                `entity`, `time` and `label`. Its other columns are left out.
            label: of the one prediction.
            source: who says so, of one prediction.

        Raises:
            ValueError: the model's name, or a label, cannot be one, or a column is missing.
        """
        if isinstance(predictions, str):
            feedback = c.FeedbackReceived(model=model, prediction_id=predictions, label=label)
            return self.send(c.FeedbackReceived.type, feedback.model_dump(exclude_none=True), source=source)
        rows = rows_of(predictions, ("prediction_id", "entity", "time", "label"))
        if any("label" not in row or not ({"prediction_id", "entity"} & row.keys()) for row in rows):
            raise ValueError("labels need the columns label and prediction_id, or label, entity and time")
        return self.drop(rows, model, bucket="feedback")

    def events(self, **query: Any) -> pd.DataFrame:
        """Return what has happened, oldest first: see `ledger` for what narrows it."""
        return times(frame_of([shown.event_row(row) for row in self.ledger(**query)], shown.EVENT), "time")

    def ledger(
        self, *, after: int = 0, wait_s: float = 0, deadline: float = math.inf, **query: Any
    ) -> Iterator[Row]:
        """Yield what the ledger holds after a sequence number.

        Args:
            after: the sequence number.
            wait_s: how long the ledger holds each request open for more; 0 ends with what there is.
            deadline: the `time.monotonic()` at which waiting ends.
            query: `type`, `subject`, `correlation`; `whole=1` leaves no large data out.
        """
        query["type"] = full_type(query["type"]) if query.get("type") else None
        while time.monotonic() < deadline:
            page = self.get(LEDGER, "/events", after=after, wait_s=wait_s or None, **query)
            yield from page["events"]
            if not page["events"] and not wait_s:
                return
            after = page["next"]

    def models(self) -> pd.DataFrame:
        """Return every version of every model: its state, its metrics, what it was trained on."""
        rows = [row for model in self.describe() for row in shown.version_rows(model)]
        return times(frame_of(rows, shown.VERSION), "registered_at")

    def describe(self, model: str | None = None) -> list[Row]:
        """Return all that is known of each model, or of one: versions, rollout, governor, labels, drift."""
        found: list[Row] = self.get(LEDGER, "/models")["models"]
        return [each for each in found if model in (None, each["model"])]

    def explain(self, reference: str) -> pd.DataFrame:
        """Return why: the events behind a version, a prediction or an event, with what decided each.

        Args:
            reference: `<model>/v<version>`, a prediction's id, or an event's id.
        """
        return times(
            frame_of(list(shown.explained_rows(self.explanation(reference)["chain"])), shown.EXPLAINED),
            "time",
        )

    def explanation(self, reference: str) -> Row:
        """Return why, as trees of events; of a prediction also its inputs, its label and its answers."""
        prediction = self._prediction(reference)
        about = _maker(prediction) if prediction else reference
        answer: Row = self.get(LEDGER, f"/explain/{about}")
        return {**answer, "prediction": prediction} if prediction else answer

    def _prediction(self, reference: str) -> Row | None:
        """Return the prediction with this id, if the log of predictions has one."""
        if not _UUID7.fullmatch(reference):
            return None
        try:
            found: Row = self.get(PREDICTIONS, f"/predictions/{reference}")
        except CallError as error:
            if error.status == requests.codes.not_found:
                return None  # an event's id may look the same
            raise
        return found


def _maker(prediction: Row) -> str:
    """Return the version whose answer the client got; of a shadow's answer alone, that shadow."""
    rows = prediction["rows"]
    row = next((each for each in rows if not each.get("shadow")), rows[0])
    return f"{row['model']}/v{row['version']}"
