"""The JSON Schema of model.yaml, with which editors complete keys, explain them and mark what is wrong.

It says less than reading a file does: `kascade spec check` knows rules between keys, and which names exist.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic.fields import FieldInfo

from pipelines.spec.columns import SYNONYMS
from pipelines.spec.document import load
from pipelines.spec.durations import LAYOUT, format_duration
from pipelines.spec.model import SECTIONS, ModelSpec
from pipelines.spec.reference import key_of

_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_SHORTER: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("Train", "window"): [{"enum": ["auto", "all"]}, {"type": "integer", "minimum": 1}],
    ("Train", "params"): [
        {"type": "object", "additionalProperties": _SCALAR | {"type": [*_SCALAR["type"], "array"]}}
    ],
    ("Drift", "features"): [{"const": "all"}, {"type": "array", "items": {"type": "string"}}],
    ("ColumnRule", "type"): [{"enum": list(SYNONYMS)}],
    ("Features", "entity"): [{"type": "string"}],
    ("ViewSpec", "entity"): [{"type": "string"}],
}
"""What a key may hold besides, for which its class has a function in place of a type."""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a model.yaml."""
    schema = ModelSpec.model_json_schema(by_alias=True)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "model.yaml"}
    schema["required"] = ["target"]  # the folder's name is the model's
    for section in SECTIONS.values():
        described = schema if section is ModelSpec else schema["$defs"][section.__name__]
        for name, info in section.model_fields.items():
            key = key_of(name, info)
            described["properties"][key] = _completed(
                described["properties"][key], info, _SHORTER.get((section.__name__, key), [])
            )
    return schema


def _completed(schema: dict[str, Any], info: FieldInfo, shorter: list[dict[str, Any]]) -> dict[str, Any]:
    """Add what pydantic cannot know: examples as values, durations as they are written, shorter forms."""
    schema = {key: value for key, value in schema.items() if key != "title"}
    schema["examples"] = [load(str(example).encode()).value for example in info.examples or []]
    if schema.get("format") == "duration":
        schema = {key: value for key, value in schema.items() if key != "format"} | {"pattern": LAYOUT}
    if isinstance(info.default, timedelta):
        schema["default"] = format_duration(info.default)
    for each in schema.get("anyOf", ()):
        if each.pop("format", None) == "duration":
            each["pattern"] = LAYOUT
    if shorter:
        forms = schema.pop("anyOf", [{"$ref": schema.pop("$ref")}] if "$ref" in schema else [])
        schema["anyOf"] = [*forms, *shorter]
        for key in ("type", "additionalProperties"):
            schema.pop(key, None)
    return schema
