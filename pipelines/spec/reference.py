"""Writes the keys of model.yaml as lists and as YAML, from the classes themselves."""

from __future__ import annotations

import re
import textwrap
from datetime import timedelta
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipelines.spec.durations import format_duration
from pipelines.spec.model import SECTIONS, ModelSpec
from pipelines.spec.section import Section

BEGIN = "<!-- keys: written by `python -m pipelines.spec` -->"
END = "<!-- end of keys -->"
_PLAIN = re.compile(r"[A-Za-z_][\w./:-]*")


def yaml_of(value: Any) -> str:
    """Write a value as YAML on one line."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case timedelta():
            return format_duration(value)
        case Enum():
            return yaml_of(value.value)
        case int() | float():
            return repr(value)
        case list() | tuple():
            return "[" + ", ".join(yaml_of(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{yaml_of(key)}: {yaml_of(item)}" for key, item in value.items()) + "}"
        case _:
            return _text(str(value))


def _text(text: str) -> str:
    reserved = text.lower() in ("true", "false", "null", "~", "")
    if _PLAIN.fullmatch(text) and not reserved and not text.endswith(":"):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def key_of(name: str, info: FieldInfo) -> str:
    """Return the key that stands for a field in the file."""
    return info.alias or name


def default_of(info: FieldInfo) -> Any:
    """Return a field's default; None when there is none, or it is inferred."""
    if info.is_required():
        return None
    default = info.get_default(call_default_factory=True, validated_data={})
    return None if isinstance(default, BaseModel) else default


def key_lists() -> str:
    """Return a Markdown list of the keys of each section of model.yaml."""
    return "\n\n".join(_list(path, section) for path, section in SECTIONS.items())


def _list(path: tuple[str, ...], section: type[Section]) -> str:
    title = {
        (): "The file",
        ("schema", "*"): "`schema.<column>`",
        ("train", "candidates", "*"): "`train.candidates[]`",
        ("features", "views", "*"): "`features.views[]`",
        ("features", "views", "*", "aggregations", "*"): "`features.views[].aggregations[]`",
    }
    heading = title.get(path) or "`" + ".".join(path) + "`"
    lines = [f"### {heading}", ""]
    for name, info in section.model_fields.items():
        text = (
            f"`{key_of(name, info)}` ({_default(info)}): {info.description}; for example `{_example(info)}`"
        )
        lines += textwrap.wrap(text, 119, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(lines)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "default: the folder's name" if info.examples == ["churn"] else "**required**"
    default = default_of(info)
    if default is None:
        return "no default" if info.default_factory is None else "default: see below"
    return f"default `{yaml_of(default)}`"


def _example(info: FieldInfo) -> str:
    return str(info.examples[0]) if info.examples else ""


def replace_block(document: str) -> str:
    """Return a document with the lists between its markers written anew."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{key_lists()}\n\n{END}{after}"


def sections() -> dict[str, type[Section]]:
    """Return the top-level keys that are sections with defaults, each with its class, in order."""
    keys = [key_of(name, info) for name, info in ModelSpec.model_fields.items() if info.default_factory]
    return {key: SECTIONS[(key,)] for key in keys if (key,) in SECTIONS}
