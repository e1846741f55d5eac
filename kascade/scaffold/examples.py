"""Example payloads: the smallest JSON that an event type's class accepts, made from its JSON Schema."""

from __future__ import annotations

from typing import Any

from eventing.catalogue import Payload

_BY_NAME = {"model": "churn", "uri": "s3://models/churn/example"}


def example_of(payload: type[Payload]) -> dict[str, Any]:
    """Return the required fields of a payload, each with a value that the class accepts."""
    schema = payload.model_json_schema()
    example: dict[str, Any] = _object(schema, schema.get("$defs", {}))
    payload.model_validate(example)
    return example


def _object(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    fields = schema.get("properties", {})
    return {name: _value(name, fields[name], defs) for name in schema.get("required", [])}


def _value(name: str, schema: dict[str, Any], defs: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _value(name, defs[schema["$ref"].rpartition("/")[2]], defs)
    for alternatives in ("anyOf", "allOf"):
        if alternatives in schema:
            return _value(name, schema[alternatives][0], defs)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    return _of_type(name, schema, defs)


def _of_type(name: str, schema: dict[str, Any], defs: dict[str, Any]) -> Any:
    match schema.get("type"):
        case "object":
            return _object(schema, defs)
        case "array":
            return [_value(name, schema["items"], defs) for _ in range(schema.get("minItems", 0))]
        case "boolean":
            return True
        case "integer":
            return schema.get("minimum", 1)
        case "number":
            return float(schema.get("minimum", 0.5))
        case _:
            return _text(name, schema)


def _text(name: str, schema: dict[str, Any]) -> str:
    if schema.get("format") == "date-time":
        return "2026-11-23T12:00:00Z"
    if "[0-9a-f]{64}" in schema.get("pattern", ""):
        return "0" * 64
    if schema.get("pattern", "").startswith("^s3://"):
        return _BY_NAME["uri"]
    return _BY_NAME.get(name, "example")
