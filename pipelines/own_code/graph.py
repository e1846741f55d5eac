"""Gives an ONNX graph that somebody has made the inputs and outputs that are served."""

from __future__ import annotations

from typing import Any

from pipelines.errors import StepError
from pipelines.model_file import INPUT, LABEL, PROBABILITIES, VARIABLE, RefusedModel, check_model

_FLOAT, _INT64 = 1, 7
_FIX = "see docs/how-to/own-training-code.md"


def as_served(raw: bytes, width: int, classes: int | None) -> bytes:
    """Return the model with the input `input`, and `label` and `probabilities`, or `variable`.

    Outputs that have these names stay as they are. A graph with one output gives the probabilities, or the
    number; the label is then its largest.

    Args:
        width: how many columns the rows have.
        classes: how many classes there are; None for regression.

    Raises: StepError saying what is wrong with it.
    """
    import onnx

    try:
        model = onnx.load_from_string(raw)
    except Exception as error:  # protobuf raises a class of its own for each of its implementations
        raise StepError(f"it is no ONNX model: {error}", _FIX) from error
    graph = model.graph
    _check_input(graph, width)
    _name_input(graph)
    names = [output.name for output in graph.output]
    if names != ([VARIABLE] if classes is None else [LABEL, PROBABILITIES]):
        if len(names) != 1:
            expected = VARIABLE if classes is None else f"{LABEL} and {PROBABILITIES}"
            raise StepError(
                f"its outputs are {', '.join(names) or 'none'}, expected {expected}, or a single one", _FIX
            )
        _name_output(model, classes)
    kinds = {output.name: output.type.tensor_type.elem_type for output in graph.output}
    if kinds.get(LABEL, _INT64) != _INT64:
        raise StepError(f"its `{LABEL}` is no int64: it must be the class's position, from 0", _FIX)
    wrong = [name for name in (PROBABILITIES, VARIABLE) if kinds.get(name, _FLOAT) != _FLOAT]
    if wrong:
        raise StepError(f"its `{wrong[0]}` is no float32", _FIX)
    made = bytes(model.SerializeToString(deterministic=True))
    try:
        check_model(made)
    except RefusedModel as error:
        raise StepError(str(error), _FIX) from error
    return made


def _inputs(graph: Any) -> list[Any]:
    known = {each.name for each in graph.initializer}
    return [each for each in graph.input if each.name not in known]


def _check_input(graph: Any, width: int) -> None:
    inputs = _inputs(graph)
    if len(inputs) != 1:
        listed = ", ".join(each.name for each in inputs) or "none"
        raise StepError(f"its inputs are {listed}; expected one, of float32 rows of {width} columns", _FIX)
    kind = inputs[0].type.tensor_type
    if kind.elem_type != _FLOAT:
        raise StepError(f"its input '{inputs[0].name}' is no float32", _FIX)
    sizes = [each.dim_value if each.HasField("dim_value") else None for each in kind.shape.dim]
    if kind.HasField("shape") and len(sizes) != 2:
        raise StepError(
            f"its input '{inputs[0].name}' has {len(sizes)} dimensions, expected rows and columns", _FIX
        )
    if sizes and sizes[0] is not None:
        raise StepError(
            f"its input '{inputs[0].name}' takes {sizes[0]} rows only; export it with dynamic rows",
            _FIX,
        )
    if sizes and sizes[1] not in (None, width):
        raise StepError(f"its input '{inputs[0].name}' has {sizes[1]} columns, the rows have {width}", _FIX)


def _name_input(graph: Any) -> None:
    given = _inputs(graph)[0]
    if given.name == INPUT:
        return
    from onnx import helper

    _free(graph, INPUT)
    graph.node.insert(0, helper.make_node("Identity", [INPUT], [given.name]))
    given.name = INPUT


def _name_output(model: Any, classes: int | None) -> None:
    from onnx import TensorProto, helper

    graph, name = model.graph, model.graph.output[0].name
    if graph.output[0].type.tensor_type.elem_type != _FLOAT:
        raise StepError(f"its output '{name}' is no float32", _FIX)
    del graph.output[:]
    served = VARIABLE if classes is None else PROBABILITIES
    if name != served:
        _free(graph, served)
        graph.node.append(helper.make_node("Identity", [name], [served]))
    if classes is None:
        graph.output.append(helper.make_tensor_value_info(VARIABLE, TensorProto.FLOAT, None))
        return
    if name == LABEL:
        name = PROBABILITIES
    _free(graph, LABEL)
    graph.node.append(helper.make_node("ArgMax", [name], [LABEL], axis=1, keepdims=0))
    graph.output.append(helper.make_tensor_value_info(LABEL, TensorProto.INT64, ["rows"]))
    graph.output.append(helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["rows", classes]))


def _free(graph: Any, name: str) -> None:
    """Give what has a name within the graph another one."""
    other = f"{name}_within"
    for node in graph.node:
        for names in (node.input, node.output):
            for index, each in enumerate(names):
                if each == name:
                    names[index] = other
    for each in (*graph.initializer, *graph.value_info, *graph.output):
        if each.name == name:
            each.name = other
