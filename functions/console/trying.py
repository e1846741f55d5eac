"""The form that asks a model about one row: its values, and the lines that ask the same elsewhere. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


def features_of(inputs: Sequence[Mapping[str, Any]], given: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Return the features that a form gives, and what is wrong with the first bad one; empty is missing."""
    found: dict[str, Any] = {}
    for each in inputs:
        name, text = each["name"], given.get(f"feature:{each['name']}", "").strip()
        try:
            found[name] = _value(text, each["datatype"]) if text else None
        except ValueError:
            return found, f"{name}: {text!r} is no {_KINDS.get(each['datatype'], 'text')}"
    return found, ""


_KINDS = {"FP64": "number", "FP32": "number", "INT64": "whole number", "BOOL": "true or false"}


def _value(text: str, datatype: str) -> Any:
    if datatype in ("FP64", "FP32"):
        return float(text)
    if datatype == "INT64":
        return int(text)
    if datatype == "BOOL":
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise ValueError(text)
    return text


def curl_line(services_url: str, model: str, features: Mapping[str, Any]) -> str:
    """Return the command that asks the same."""
    body = json.dumps({"instances": [dict(features)]}, ensure_ascii=False).replace("'", "'\\''")
    return (
        f"curl {services_url.format(model)}/v1/models/{model}:predict \\\n"
        f"  -H 'Content-Type: application/json' \\\n  -d '{body}'"
    )


def page_of(services_url: str, model: str) -> str:
    """Return the address of the model's own page; nothing where a browser does not reach it."""
    url = services_url.format(model)
    return "" if ".svc" in url.partition("://")[2].partition("/")[0] else f"{url}/docs"


def python_lines(model: str, features: Mapping[str, Any]) -> str:
    """Return the Python that asks the same."""
    return f"import kascade\n\nkascade.connect().predict({model!r}, [{dict(features)!r}])"
