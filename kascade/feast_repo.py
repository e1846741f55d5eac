"""Reads the views of a Feast repository that exists, and writes them as `features:` of a model.yaml."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from kascade.system.feast import DESCRIBE, VARIABLE, feast_variables

_VIEW = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PARQUET = re.compile(r"s3://.+(\.parquet|\.pq)")
TIMEOUT_S = 300


class RepoUnreadable(Exception):
    """Feast cannot read the repository; the message is its own."""


def described(repo: str) -> dict[str, Any]:
    """Return what Feast, in its own environment, reads of a repository. Raises: RepoUnreadable."""
    command = [feast_variables()[VARIABLE], "-E", str(DESCRIBE), repo]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise RepoUnreadable(f"{repo} was not read within {TIMEOUT_S} s") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it ended without a word"]
        raise RepoUnreadable(f"{repo}: {said[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def as_model_yaml(repo: Mapping[str, Any]) -> str:
    """Write the views as a `features:` section; what cannot be one is a comment that says why."""
    lines = [f"# from the Feast project {repo['project']}", "features:", "  views:"]
    left_out = []
    for view in repo["views"]:
        if "problem" in view:
            left_out.append(f"# left out: {view['name']}, {view['problem']}")
        else:
            lines += _view(view)
    if len(lines) == 3:
        lines = [f"{lines[0]}: it has no view that can be one of model.yaml"]
    return "\n".join([*lines, *left_out]) + "\n"


def _view(view: Mapping[str, Any]) -> Iterator[str]:
    from pipelines.spec.durations import format_duration

    if view["created"]:
        yield f"    # of two rows of one moment the later file's counts; {view['created']!r} is not read"
    yield f"    - name: {_named(view['name'])}"
    yield f"      path: {_files(view['path'])}"
    yield f"      entity: {_listed(view['entity'])}"
    yield f"      timestamp: {json.dumps(view['timestamp'], ensure_ascii=False)}"
    if view["ttl_s"]:
        yield f"      ttl: {format_duration(timedelta(seconds=view['ttl_s']))}"
    yield f"      fields: {_listed(view['fields'])}"


def _named(name: str) -> str:
    """Return a view's name as model.yaml allows it."""
    if _VIEW.fullmatch(name):
        return name
    plain = re.sub(r"[^a-z0-9_]", "_", name.lower())[:40]
    return f"{plain if plain[:1].isalpha() else 'v_' + plain[:38]}  # {name}"


def _files(path: str) -> str:
    return path if _PARQUET.fullmatch(path) else f"{path.rstrip('/')}/*.parquet"


def _listed(names: list[str]) -> str:
    return f"[{', '.join(json.dumps(name, ensure_ascii=False) for name in names)}]"
