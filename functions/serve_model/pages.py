"""The paths that are not inference: health, metadata, readiness, and a clear refusal of every other one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Any

from functions.serve_model import v2
from functions.serve_model.errors import MethodNotAllowed, NotFound
from functions.serve_model.model import Model

_MODEL = re.compile(r"/v[12]/models/(?P<model>[^/:]+)(/versions/(?P<version>[^/]+))?(?P<rest>.*)")
Page = Callable[[], Any]


def pages_of(model: Model) -> dict[str, Page]:
    """Return what a GET of each path answers, as a JSON value."""
    ready = {"name": model.name, "ready": True}
    pages: dict[str, Page] = {
        "/": lambda: {"status": "alive"},  # where KServe's v1 client asks
        "/healthz": lambda: {"status": "ok"},
        "/readyz": lambda: {"status": "ready", "model": model.name, "version": model.version},
        "/v2": _server,
        "/v2/health/live": lambda: {"live": True},
        "/v2/health/ready": lambda: {"ready": True},
        "/v1/models": lambda: {"models": [model.name]},
        f"/v1/models/{model.name}": lambda: ready,
    }
    for path in v2_paths(model):
        pages[path] = lambda: v2.metadata(model)
        pages[f"{path}/ready"] = lambda: ready
    return pages


def v2_paths(model: Model) -> tuple[str, str]:
    """Return the two paths of the model: without and with its version."""
    return f"/v2/models/{model.name}", f"/v2/models/{model.name}/versions/{model.version}"


def _server() -> dict[str, Any]:
    from importlib.metadata import version as installed_version  # 7 ms of a cold start, for a rare page

    return {"name": "kascade", "version": installed_version("kascade"), "extensions": ["binary_tensor_data"]}


def refuse(path: str, method: str, model: Model, known: dict[str, str]) -> NotFound | MethodNotAllowed:
    """Return the error for a request that no page and no inference answers; `known` maps paths to methods."""
    if path in known:
        return MethodNotAllowed(f"{method} is not taken on {path}: send {known[path]}", known[path])
    match = _MODEL.fullmatch(path)
    if match and match["model"] != model.name:
        return NotFound(f"unknown model '{match['model']}': this address serves '{model.name}'")
    if match and match["version"] not in (None, str(model.version)):
        return NotFound(f"unknown version '{match['version']}' of '{model.name}': this is v{model.version}")
    near = difflib.get_close_matches(path, known, n=1)
    return NotFound(f"there is no {path} here" + (f": did you mean {near[0]}?" if near else ""))
