"""The base of every part of model.yaml: immutable, no unknown keys, no silent conversions."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping in model.yaml. Each field's description and example are its documentation and its fix."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        populate_by_name=True,
    )


def sequence(value: Any) -> Any:
    """Let a YAML list stand for a tuple."""
    return tuple(value) if isinstance(value, list) else value
