"""What a row of a model holds, as a JSON Schema, and a row that it answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.serve_model.model import Model
from pipelines.encoding.feature import Feature

MAX_VALUES = 50
_JSON_TYPES: Mapping[str, list[str]] = {
    "number": ["number", "null"],
    "integer": ["integer", "null"],
    "boolean": ["boolean", "null"],
    "datetime": ["string", "null"],
}
_TENSOR_TYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL"}
_TIME = "2026-01-01T00:00:00+00:00"
_EXAMPLES: Mapping[str, Any] = {"number": 0.5, "integer": 1, "boolean": True, "datetime": _TIME}


def row_schema(model: Model) -> dict[str, Any]:
    """Return the schema of one row, by name."""
    keys = [each.name for each in model.plan.keys] if model.plan else []
    entities = [name for name in (model.entity, *keys) if name]
    optional = not_asked_for(model)
    properties = {each.name: feature_schema(each, model) for each in model.encoding.features}
    for name in entities:
        about = {"type": ["string", "number", "boolean", "null"], "description": "whom the row is about"}
        properties.setdefault(name, about)
    required = [each.name for each in model.encoding.features if each.used and each.name not in optional]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        "examples": [example_row(model)],
    }


def not_asked_for(model: Model) -> list[str]:
    """Return the features that a row may leave out, since they are looked up by entity, or computed."""
    if model.plan is None:
        return []
    return [*(each.name for each in model.plan.features), *model.plan.expressions]


def feature_schema(feature: Feature, model: Model) -> dict[str, Any]:
    """Return the schema of one feature. What training saw is described, and is no limit."""
    notes = [feature.kind if feature.used else f"{feature.kind}, which the model does not read"]
    if feature.kind == "datetime":
        written = feature.form.format
        notes.append("ISO 8601" if written is None else f"as {written}, or ISO 8601")
    seen = _seen(model, feature.name)
    if "min" in seen and "max" in seen:
        notes.append(f"from {seen['min']} to {seen['max']} in training")
    values = values_of(feature)
    if feature.name in not_asked_for(model):
        notes.append("looked up by entity, or computed, unless it is sent")
    if values:
        more = f" and {len(values) - MAX_VALUES} more" if len(values) > MAX_VALUES else ""
        notes.append(f"in training {', '.join(values[:MAX_VALUES])}{more}")
    return {
        "type": _JSON_TYPES.get(feature.kind, ["string", "number", "boolean", "null"]),
        "description": "; ".join(notes) + "; null where it is not known",
        "examples": [example_of(feature, model)],
    }


def values_of(feature: Feature) -> list[str]:
    """Return the categories that training saw; none of other kinds."""
    if feature.kind != "category":
        return []
    found = feature.encoder.params()
    return list(found.get("values") or found.get("means") or ())


def example_row(model: Model) -> dict[str, Any]:
    """Return a row that the model answers."""
    return {each.name: example_of(each, model) for each in model.encoding.features if each.used}


def example_of(feature: Feature, model: Model) -> Any:
    """Return a value of a feature: one in the middle of those that training saw, if it noted them."""
    seen = _seen(model, feature.name)
    if "middle" in seen:
        return seen["middle"]
    if values := values_of(feature):
        return values[0]
    return _EXAMPLES.get(feature.kind, "text")


def tensors_of(model: Model) -> dict[str, Any]:
    """Return the example as a request of the Open Inference Protocol."""
    inputs = []
    for each in model.encoding.features:
        if not each.used:
            continue
        datatype, value = _TENSOR_TYPES.get(each.kind, "BYTES"), example_of(each, model)
        data = [str(value) if datatype == "BYTES" else value]
        inputs.append({"name": each.name, "shape": [1], "datatype": datatype, "data": data})
    return {"inputs": inputs}


def _seen(model: Model, name: str) -> Mapping[str, Any]:
    ranges = model.properties.get("ranges")
    found = ranges.get(name) if isinstance(ranges, Mapping) else None
    return found if isinstance(found, Mapping) else {}
