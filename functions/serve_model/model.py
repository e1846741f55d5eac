"""Reads a verified model.onnx into a session of ONNX Runtime, and describes what it takes and gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from functions.serve_model.errors import ModelUnavailable
from pipelines.background import from_json
from pipelines.class_labels import class_labels
from pipelines.encoding import Encoding
from pipelines.encoding.scales import AS_IS
from pipelines.features.plan import LookupPlan
from pipelines.label_requests import is_asked
from pipelines.model_file import LOOKUP_FOLDER, RefusedModel, check_model

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the model gave for N rows. A classifier gives `label` [N] and `probabilities` [N, classes]."""

    label: NDArray[Any] | None = None
    probabilities: Matrix | None = None
    prediction: NDArray[np.floating[Any]] | None = None


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """An output tensor as the model's metadata describes it."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Model:
    """A loaded model: `run` takes the encoded matrix float32 [N, encoding.width].

    `entity` is the spec's entity column, if it has one. `plan` says what is looked up by entity, if anything.
    `classes` are in the order of the probabilities; `background` is what answers are explained against.
    `randomised` is the share of its predictions whose label is asked for at random.
    """

    name: str
    version: int
    encoding: Encoding
    run: Callable[[Matrix], Outputs]
    outputs: tuple[OutputSpec, ...]
    properties: Mapping[str, Any]
    entity: str | None = None
    plan: LookupPlan | None = None
    classes: Sequence[Any] | None = None
    background: Matrix | None = None
    randomised: float = 0.0

    def labels_asked(self, ids: Sequence[str]) -> list[bool] | None:
        """Say of which predictions the label is asked for at random; None where that is not done."""
        return [is_asked(each, self.randomised) for each in ids] if self.randomised else None

    @property
    def subject(self) -> str:
        """The subject of events about it."""
        return f"{self.name}/v{self.version}"


def load(data: bytes, name: str, version: int, sha256: str, *, threads: int = 1) -> Model:
    """Read `data`, the bytes of a model.onnx whose digest was checked.

    Args:
        threads: how many threads of ONNX Runtime one inference may use.

    Raises: ModelUnavailable when it is no ONNX model, holds what no model may (`pipelines.model_file`), or is
        not the model that `name` and `version` say.
    """
    try:
        check_model(data)
    except RefusedModel as error:
        raise ModelUnavailable(f"the model is refused: {error}") from error
    session = _session(data, threads)
    card = _card(session)
    if (card.get("model"), card.get("version")) != (name, version):
        raise ModelUnavailable(
            f"the file holds {card.get('model')}/v{card.get('version')}, asked to serve {name}/v{version}"
        )
    try:
        encoding = Encoding.from_json(card["encoding"])
    except Exception as error:  # it may be any JSON
        raise ModelUnavailable(f"the model's encoding cannot be read: {error!r}") from error
    classes = card.get("classes")
    run, outputs = _classifier(session, classes) if classes else _regressor(session, encoding)
    _try_out(run, encoding.width)
    kept = ("task", "target", "classes", "metric", "metrics", "ranges", "dataset_digest")
    properties = {key: card[key] for key in kept if card.get(key) is not None} | {"sha256": sha256}
    plan = _plan(card.get("lookup"))
    if plan is not None:
        properties["entities"] = [key.name for key in plan.keys]
        properties["looked_up"] = [*(feature.name for feature in plan.features), *plan.expressions]
    background = _background(card.get("background"), encoding.width)
    entity, classes, share = card.get("entity"), classes or None, card.get("labels_randomised") or 0.0
    return Model(name, version, encoding, run, outputs, properties, entity, plan, classes, background, share)


def _background(document: Any, width: int) -> Matrix | None:
    if document is None:
        return None
    try:
        return from_json(document, width)
    except Exception as error:  # it may be any JSON
        raise ModelUnavailable(f"the model's background cannot be read: {error!r}") from error


def _plan(document: Any) -> LookupPlan | None:
    if document is None:
        return None
    try:
        return LookupPlan.from_json(document)
    except Exception as error:  # it may be any JSON
        raise ModelUnavailable(f"what the model looks up cannot be read: {error!r}") from error


def _session(data: bytes, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_session_config_entry(*LOOKUP_FOLDER)
    # An idle pool must not spin: a service between two requests costs no CPU.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a dozen unrelated classes
        raise ModelUnavailable(f"ONNX Runtime cannot read the model: {error}") from error


def _card(session: ort.InferenceSession) -> dict[str, Any]:
    text = session.get_modelmeta().custom_metadata_map.get("kascade")
    try:
        card = json.loads(text or "null")
    except ValueError as error:
        raise ModelUnavailable(f"the model's metadata `kascade` is not JSON: {error}") from error
    if not isinstance(card, dict):
        raise ModelUnavailable("the model has no metadata `kascade`: it was not exported by our pipeline")
    return card


_DATATYPES = {"i": "INT64", "b": "BOOL", "f": "FP64", "O": "BYTES"}
"""The datatype of a class in protocol v2, by the kind of its array."""

Loaded = tuple[Callable[[Matrix], Outputs], tuple[OutputSpec, ...]]


def _classifier(session: ort.InferenceSession, classes: list[Any]) -> Loaded:
    names = _outputs(session, "label", "probabilities")
    feed = session.get_inputs()[0].name
    infer = session.run
    decode, datatype = _labels(session.get_outputs()[0].type, classes)

    def run(matrix: Matrix) -> Outputs:
        label, probabilities = infer(names, {feed: matrix})
        return Outputs(label=label if decode is None else decode[label], probabilities=probabilities)

    return run, (
        OutputSpec("label", datatype, (-1,)),
        OutputSpec("probabilities", "FP32", (-1, len(classes))),
    )


def _labels(onnx_type: str, classes: list[Any]) -> tuple[NDArray[Any] | None, str]:
    """Return the array that turns the graph's labels into classes (None: they are), and their datatype.

    A graph that gives integers gives positions in `classes`; one that gives strings gives the classes.
    """
    if "int64" not in onnx_type:
        return None, "BYTES"
    decode = class_labels(classes)
    datatype = _DATATYPES[decode.dtype.kind]
    same = datatype == "INT64" and classes == list(range(len(classes)))
    return (None if same else decode), datatype


def _regressor(session: ort.InferenceSession, encoding: Encoding) -> Loaded:
    names = _outputs(session, "variable")
    feed = session.get_inputs()[0].name
    infer = session.run

    def run(matrix: Matrix) -> Outputs:
        return Outputs(prediction=infer(names, {feed: matrix})[0].reshape(-1))

    if encoding.answer == AS_IS:
        return run, (OutputSpec("prediction", "FP32", (-1,)),)

    def run_exactly(matrix: Matrix) -> Outputs:
        return Outputs(prediction=encoding.answers(infer(names, {feed: matrix})[0].reshape(-1)))

    return run_exactly, (OutputSpec("prediction", "FP64", (-1,)),)


def _outputs(session: ort.InferenceSession, *expected: str) -> list[str]:
    names = [output.name for output in session.get_outputs()]
    if names != list(expected):
        raise ModelUnavailable(f"the model's outputs are {names}, expected {list(expected)}")
    return names


def _try_out(run: Callable[[Matrix], Outputs], width: int) -> None:
    """Infer one row before serving: a wrong width fails now, and the first request is not the slow one."""
    try:
        run(np.zeros((1, width), dtype=np.float32))
    except Exception as error:
        raise ModelUnavailable(f"the model cannot infer {width} encoded columns: {error}") from error
