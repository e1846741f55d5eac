"""Payloads that obey a JSON Schema of the catalogue, with the values in which others broke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

Schema = Mapping[str, Any]
Json = st.SearchStrategy[Any]

WHOLE = (0, 1, -1, 2, 50, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**30)
NUMBERS = (0.0, -0.0, 0.5, 1.0, -1.0, 5e-324, 1e-9, 1e300, -1.7e308, 1.7e308)
TIMES = (
    "0001-01-01T00:00:00+23:59",
    "0001-01-01T00:00:00Z",
    "1000-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "2026-03-01T12:00:00+14:00",
    "8999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-23:59",
    "2026-03-01T12:00:00",
)
TEXTS = (
    *("", " ", "x", "null", "churn", "v1", "reason", "../../etc/passwd", "s3://", "http://[::1", "a/b/c"),
    *("a\x00b", "\x1b]0;title\x07\x1b[2J", "\u202e", "\ud800", "🜁", "%00", "{}", "9" * 400, "é" * 5000),
)
SHA256 = r"^[0-9a-f]{64}$"
ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.sampled_from((*WHOLE, *NUMBERS, *TEXTS))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(TEXTS), inner, max_size=3),
    max_leaves=6,
)


def payloads(schema: Schema, usual: Mapping[str, Sequence[Any]]) -> Json:
    """Return payloads that a schema allows.

    Args:
        usual: values of fields, by name, that lead deeper than most others do.
    """
    return _Builder(schema.get("$defs", {}), usual).value(schema)


class _Builder:
    def __init__(self, definitions: Schema, usual: Mapping[str, Sequence[Any]]) -> None:
        self._definitions = definitions
        self._usual = usual

    def value(self, schema: Schema) -> Json:
        """Return the values that a schema allows."""
        if "$ref" in schema:
            return self._named(schema["$ref"].rpartition("/")[2])
        if "anyOf" in schema:
            return st.one_of([self.value(each) for each in schema["anyOf"]])
        if "enum" in schema or "const" in schema:
            allowed = schema.get("enum", [schema.get("const")])
            return st.sampled_from([each for each in allowed if each != schema.get("not", {}).get("const")])
        return self._typed(schema)

    def _named(self, name: str) -> Json:
        found = self.value(self._definitions[name])
        return st.one_of(st.sampled_from(self._usual[name]), found) if name in self._usual else found

    def _typed(self, schema: Schema) -> Json:
        match schema.get("type"):
            case "object":
                return self._object(schema)
            case "array":
                return st.lists(self.value(schema["items"]), max_size=4)
            case "string":
                return self._text(schema)
            case "integer":
                return self._bounded(schema, WHOLE, st.integers)
            case "number":
                return self._bounded(schema, NUMBERS, _floats)
            case "boolean":
                return st.booleans()
            case "null":
                return st.none()
        return ANY

    def _object(self, schema: Schema) -> Json:
        if "properties" not in schema:
            of = schema.get("additionalProperties")
            values = self.value(of) if isinstance(of, dict) else ANY
            return st.dictionaries(st.sampled_from(TEXTS), values, max_size=3)
        required, optional = {}, {}
        for name, field in schema["properties"].items():
            found = self.value(field)
            if name in self._usual:
                found = st.one_of(st.sampled_from(self._usual[name]), found)
            (required if name in schema.get("required", ()) else optional)[name] = found
        return st.fixed_dictionaries(required, optional=optional)

    def _text(self, schema: Schema) -> Json:
        if schema.get("format") == "date-time":
            return st.sampled_from(TIMES)
        low, high = schema.get("minLength", 0), schema.get("maxLength", 10**6)
        if schema.get("pattern") == SHA256:
            return st.sampled_from(("0" * 64, "f" * 64))
        if "pattern" in schema:
            # In Python `$` also matches before a last newline.
            found = st.from_regex(schema["pattern"].replace("$", r"\Z")).map(lambda text: text[:high])
            return found.filter(lambda text: len(text) >= low)
        return st.sampled_from([text for text in TEXTS if low <= len(text) <= high])

    def _bounded(self, schema: Schema, extremes: Sequence[Any], others: Any) -> Json:
        low, high = schema.get("minimum"), schema.get("maximum")
        if "exclusiveMaximum" in schema:
            high = schema["exclusiveMaximum"] - 1
        bounds = [each for each in (low, high) if each is not None]
        kept = [
            each
            for each in (*extremes, *bounds)
            if (low is None or each >= low) and (high is None or each <= high)
        ]
        return st.one_of(st.sampled_from(kept), others(low, high))


def _floats(low: float | None, high: float | None) -> Json:
    return st.floats(low, high, allow_nan=False, allow_infinity=False)
