"""Answers copies of another version's requests: the challenger's part in a shadow.

The champion's log of predictions is delivered here as well. Its inputs are answered by this version, and the
answers go back as a batch of the log marked `shadow`: same ids, so one label scores both. No client sees
them.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

from eventing.catalogue import InferenceLogged, source_of
from eventing.errors import InvalidEvent
from eventing.event import Event, answer
from eventing.payload import read_payload
from functions.serve_model.batching import columns_of
from functions.serve_model.errors import BadRequest, Refused
from functions.serve_model.model import Model, Outputs
from functions.serve_model.responses import Response, event_response
from pipelines.encoding import EncodingError

NOTHING = Response(204, b"", ())


def answer_copies(event: Event, model: Model) -> Response:
    """Answer a batch of the log; nothing where it is this version's own, or a shadow's.

    Columns that this version does not know are passed over. One that it needs and the champion was not asked
    for is a refusal, not a guess: as champion it would refuse those very requests.

    Raises: BadRequest for a malformed batch; Refused for another model's, or one that cannot be answered.
    """
    try:
        batch = read_payload(event, InferenceLogged)
    except InvalidEvent as error:
        raise BadRequest(f"not a batch of predictions: {error}") from error
    if batch.model != model.name:
        raise Refused(f"this is {model.name}: predictions of {batch.model} are not answered here")
    if batch.shadow or batch.version == model.version or not batch.ids:
        return NOTHING
    started = perf_counter()
    outputs = columns_of([_outputs(batch, model)])
    rows = len(batch.ids)
    logged = {
        **batch.model_dump(include={"ids", "times_ms", "inputs", "entities"}, exclude_none=True),
        **{name: np.asarray(values).tolist() for name, values in outputs.items()},
        "model": model.name,
        "version": model.version,
        "shadow": True,
        "latencies_ms": [round((perf_counter() - started) * 1000 / rows, 4)] * rows,
    }
    reply = answer(event, InferenceLogged.type, source_of("serve_model"), model.subject, logged)
    return event_response(reply, shadow_rows=rows)


def _outputs(batch: InferenceLogged, model: Model) -> Outputs:
    columns = {name: batch.inputs[name] for name in model.encoding.names if name in batch.inputs}
    lists = [*columns.values(), batch.times_ms, *([] if batch.entities is None else [batch.entities])]
    if any(len(values) != len(batch.ids) for values in lists):
        raise BadRequest(f"not a batch of predictions: {len(batch.ids)} ids, and lists of another length")
    try:
        outputs = model.run(model.encoding.encode(columns))
    except EncodingError as error:
        raise Refused(f"v{model.version} cannot answer what v{batch.version} was asked: {error}") from error
    for values in (outputs.probabilities, outputs.prediction):
        if values is not None and not np.isfinite(values).all():
            raise Refused(f"v{model.version} gives answers that are no numbers")
    return outputs
