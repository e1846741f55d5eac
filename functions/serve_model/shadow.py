"""Answers copies of another version's requests: the challenger's part in a shadow.

The champion's log of predictions is delivered here as well. Its inputs are answered by this version, and the
answers go back as a batch of the log marked `shadow`: same ids, so one label scores both. No client sees
them.

What the champion looked up is in the batch as it was used, so the challenger looks up only what the champion
did not: features of views that are new, or defined otherwise, in its version, by the entities in the batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from eventing.catalogue import InferenceLogged, source_of
from eventing.errors import InvalidEvent
from eventing.event import Event, answer
from eventing.payload import read_payload
from functions.serve_model.batching import columns_of
from functions.serve_model.errors import BadRequest, Refused
from functions.serve_model.handler import NOTHING, Inference
from functions.serve_model.model import Model, Outputs
from functions.serve_model.responses import Response, event_response
from functions.serve_model.tensors import Values as Column
from pipelines.encoding import EncodingError

if TYPE_CHECKING:
    from functions.serve_model.cloud_event import Find

NO_COPIES = Response(204, b"", ())


def answer_copies(event: Event, inference: Inference, find: Find | None = None) -> Response:
    """Answer a batch of the log; nothing where it is this version's own, or a shadow's.

    Columns that this version does not know are passed over. One that it needs and the champion was not asked
    for is a refusal, not a guess: as champion it would refuse those very requests.

    Raises: BadRequest for a malformed batch; Refused for another model's, or one that cannot be answered;
        FeatureMissing and FeaturesAway as for a client's request.
    """
    model = inference.model
    try:
        batch = read_payload(event, InferenceLogged)
    except InvalidEvent as error:
        raise BadRequest(f"not a batch of predictions: {error}") from error
    if batch.model != model.name:
        raise Refused(f"this is {model.name}: predictions of {batch.model} are not answered here")
    if batch.shadow or batch.version == model.version or not batch.ids:
        return NO_COPIES
    started = perf_counter()
    rows = len(batch.ids)
    columns = _columns(batch, inference, find)
    outputs = columns_of([_outputs(batch, columns, model)])
    logged = {
        **batch.model_dump(include={"ids", "times_ms", "entities"}, exclude_none=True),
        "inputs": {**batch.inputs, **columns},
        **{name: np.asarray(values).tolist() for name, values in outputs.items()},
        "model": model.name,
        "version": model.version,
        "shadow": True,
        "latencies_ms": [round((perf_counter() - started) * 1000 / rows, 4)] * rows,
    }
    reply = answer(event, InferenceLogged.type, source_of("serve_model"), model.subject, logged)
    return event_response(reply, shadow_rows=rows)


def _columns(batch: InferenceLogged, inference: Inference, find: Find | None) -> dict[str, Column]:
    """Return the columns that this version takes: those of the batch, and what it has to look up."""
    names, lookup = inference.model.encoding.names, inference.lookup
    sent: dict[str, Column] = {name: batch.inputs[name] for name in names if name in batch.inputs}
    lists = [*batch.inputs.values(), batch.times_ms, *([] if batch.entities is None else [batch.entities])]
    if any(len(values) != len(batch.ids) for values in lists):
        raise BadRequest(f"not a batch of predictions: {len(batch.ids)} ids, and lists of another length")
    if lookup is None or find is None:
        return sent
    sent = lookup.own(sent, batch.looked_up)
    keys = {name: batch.inputs[name] for name in lookup.keys if name in batch.inputs}
    if batch.entities is not None and inference.model.entity in lookup.keys:
        keys.setdefault(str(inference.model.entity), batch.entities)
    given: dict[str, Column] = {**keys, **sent}
    try:
        asked = lookup.question(given, len(batch.ids))
        found = NOTHING if asked is None else find(asked)
        completed = lookup.complete(given, len(batch.ids), asked, found)
    except BadRequest as error:
        raise _refused(batch, inference.model, error) from error
    return {name: _plain(values) for name, values in completed.columns.items() if name in names}


def _plain(values: Column) -> list[Any]:
    """Return values as JSON has them: what was computed and is no number is null."""
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    return [None if isinstance(value, float) and math.isnan(value) else value for value in listed]


def _refused(batch: InferenceLogged, model: Model, error: Exception) -> Refused:
    return Refused(f"v{model.version} cannot answer what v{batch.version} was asked: {error}")


def _outputs(batch: InferenceLogged, columns: Mapping[str, Column], model: Model) -> Outputs:
    try:
        outputs = model.run(model.encoding.encode(columns))
    except EncodingError as error:
        raise _refused(batch, model, error) from error
    for values in (outputs.probabilities, outputs.prediction):
        if values is not None and not np.isfinite(values).all():
            raise Refused(f"v{model.version} gives answers that are no numbers")
    return outputs
