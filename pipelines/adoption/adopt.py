"""Puts a model's graph between operators that take its inputs out of `input` and form its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.adoption.graph import THEIRS, Addition, Mismatch, Tensor
from pipelines.adoption.inputs import Column, feed
from pipelines.adoption.outputs import give_classes, give_number, order_of, pick
from pipelines.card import Class
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.scales import AS_IS, Scale
from pipelines.encoding.unused import Unused
from pipelines.model_file import INPUT, LABEL, PROBABILITIES, VARIABLE, RefusedModel, check_contents

__all__ = ["Adopted", "Column", "adopt"]

_LEAST_OPSET = 9
_MOST_TEXTS = 100_000
_REFUSED = "register a model of plain ONNX operators, in one file of at most 1 GiB (pipelines/model_file.py)"


@dataclass(frozen=True)
class Adopted:
    """A model in our form.

    Attributes:
        raw: the graph, with the inputs and outputs of ours.
        probe: the same with the model's own labels as `label`; None where it gives none.
        encoding: how its `input` is made out of features: all of the data, in the order of the data, so that
            a request to a version that is trained here fits this one too.
        features: those that it reads, in its own order.
        order: which column of its own probabilities stands for each class; empty for regression.
    """

    raw: bytes
    probe: bytes | None
    encoding: Encoding
    features: tuple[Feature, ...]
    order: tuple[int, ...] = ()


def adopt(
    raw: bytes,
    columns: Sequence[Column],
    classes: Sequence[Class] | None,
    *,
    features: Sequence[str] | None = None,
    given_classes: Sequence[Class] | None = None,
    answer: Scale = AS_IS,
) -> Adopted:
    """Bring a model into our form.

    Args:
        raw: an ONNX file; it may be whatever somebody has put there.
        columns: the features, in the order of the data.
        classes: those of the data in order; None for regression.
        features: the columns of the model's one tensor, where they are not all features in the data's order.
        given_classes: what its probabilities stand for, where not in the order of `classes`.
        answer: how numbers are best written in float32; a model of float32 gives them as they are.

    Raises:
        StepError: it is refused for what it holds, or does not fit the data.
    """
    from onnx import TensorProto, compose, helper

    model = _read(raw)
    before, behind = Addition("before"), Addition("behind")
    given = pick([Tensor.of(each) for each in model.graph.output], classifies=classes is not None)
    inputs = [Tensor.of(each) for each in _free_inputs(model)]
    taken = feed(inputs, columns, features, _texts_of(model), before)
    encoding = _encoding(columns, taken)
    order: list[int] = []
    if classes is not None:
        order = order_of(classes, given_classes)
        give_classes(given.scores, order, behind)
        declared = [
            helper.make_tensor_value_info(LABEL, TensorProto.INT64, [None]),
            helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, [None, len(classes)]),
        ]
    else:
        answer = answer if given.scores.element == "double" else AS_IS
        encoding = Encoding(encoding.features, answer)
        give_number(given.scores, answer, behind)
        declared = [helper.make_tensor_value_info(VARIABLE, TensorProto.FLOAT, [None, 1])]
    theirs = compose.add_prefix(model, THEIRS)
    whole = _joined(theirs, before, behind, encoding.width, declared)
    probe = None
    if given.labels is not None:
        probe = _with_their_labels(whole, given.labels)
    return Adopted(_bytes(whole), probe, encoding, tuple(taken), tuple(order))


def _encoding(columns: Sequence[Column], taken: Sequence[Feature]) -> Encoding:
    by_name = {feature.name: feature for feature in taken}
    return Encoding(tuple(by_name.get(c.name) or Feature(c.name, c.kind, Unused()) for c in columns))


def _read(raw: bytes) -> Any:
    import onnx

    try:
        check_contents(raw)
        model = onnx.load_from_string(raw)
    except RefusedModel as error:
        raise Mismatch(str(error), _REFUSED) from error
    except Exception as error:  # protobuf's own classes
        raise Mismatch(f"it is no ONNX file: {error}", _REFUSED) from error
    opset = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 0)
    if opset < _LEAST_OPSET:
        raise Mismatch(
            f"it is of ONNX opset {opset}, and {_LEAST_OPSET} is needed", "convert it anew, with opset 17"
        )
    _take_zip_map_out(model)
    return model


def _take_zip_map_out(model: Any) -> None:
    """Replace skl2onnx's ZipMap, a list of mappings, by a tensor of probabilities."""
    from onnx import TensorProto, helper

    outputs = {each.name: place for place, each in enumerate(model.graph.output)}
    for node in list(model.graph.node):
        if node.op_type == "ZipMap" and node.domain == "ai.onnx.ml" and node.output[0] in outputs:
            place = outputs[node.output[0]]
            model.graph.output[place].CopyFrom(
                helper.make_tensor_value_info(node.input[0], TensorProto.FLOAT, None)
            )
            model.graph.node.remove(node)


def _free_inputs(model: Any) -> list[Any]:
    fixed = {each.name for each in model.graph.initializer}
    fixed |= {each.values.name for each in model.graph.sparse_initializer}
    return [each for each in model.graph.input if each.name not in fixed]


def _texts_of(model: Any) -> list[str]:
    """Return the texts that a model compares its inputs with: it may know categories that the data lacks."""
    found = {
        text.decode(errors="replace")
        for node in model.graph.node
        for attribute in node.attribute
        if attribute.name in ("cats_strings", "keys_strings")
        for text in attribute.strings
    }
    return sorted(found)[:_MOST_TEXTS]


def _joined(theirs: Any, before: Addition, behind: Addition, width: int, declared: Sequence[Any]) -> Any:
    """Return a model of `before`, the model's own operators and `behind`."""
    from onnx import ModelProto, TensorProto, helper

    whole = ModelProto(ir_version=theirs.ir_version)
    whole.opset_import.extend(theirs.opset_import)
    graph = whole.graph
    graph.name = "kascade"
    graph.node.extend([*before.nodes, *theirs.graph.node, *behind.nodes])
    graph.initializer.extend([*before.constants, *theirs.graph.initializer, *behind.constants])
    graph.sparse_initializer.extend(theirs.graph.sparse_initializer)
    graph.input.append(helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, width]))
    graph.output.extend(declared)
    return whole


def _with_their_labels(whole: Any, labels: Tensor) -> bytes:
    """Return the model with its own labels in place of the most probable classes."""
    from onnx import ModelProto, TensorProto, helper

    probe, addition = ModelProto(), Addition("probe")
    probe.CopyFrom(whole)
    (arg_max,) = [node for node in probe.graph.node if list(node.output) == [LABEL]]
    probe.graph.node.remove(arg_max)
    addition.reshape(labels.inside, -1, output=LABEL)
    probe.graph.node.extend(addition.nodes)
    probe.graph.initializer.extend(addition.constants)
    element = TensorProto.DataType.Value(labels.element.upper())
    probe.graph.output[0].CopyFrom(helper.make_tensor_value_info(LABEL, element, [None]))
    return _bytes(probe)


def _bytes(model: Any) -> bytes:
    return bytes(model.SerializeToString(deterministic=True))
