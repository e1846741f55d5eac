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
        errors = done.stderr.strip().splitlines() or ["it ended without a word"]
        raise RepoUnreadable(f"{repo}: {errors[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def as_model_yaml(repo: Mapping[str, Any]) -> str:
    """Write the views as a `features:` section; what cannot be one is a comment that says why.

    In model.yaml a name stands once: what a view has of an earlier one's names is left out of it.
    """
    lines = [f"# from the Feast project {repo['project']}", "features:", "  views:"]
    left_out, names, taken = [], set[str](), dict[str, str]()
    for view in repo["views"]:
        name = _name(view["name"])
        problem = view.get("problem") or (f"an earlier view is {name} too" if name in names else None)
        fields = [] if problem else [each for each in view["fields"] if each not in taken]
        if not problem and not fields:
            problem = "it has no features that no earlier view has"
        if problem:
            left_out.append(f"# left out: {view['name']}, {problem}")
            continue
        names.add(name)
        twice = {each: taken[each] for each in view["fields"] if each in taken}
        left_out += [f"# left out of {name}: {each}, which {other} has too" for each, other in twice.items()]
        taken |= dict.fromkeys(fields, name)
        lines += _view({**view, "fields": fields}, name)
    if len(lines) == 3:
        lines = [f"{lines[0]}: it has no view that can be one of model.yaml"]
    return "\n".join([*lines, *left_out]) + "\n"


def _view(view: Mapping[str, Any], name: str) -> Iterator[str]:
    from pipelines.spec.durations import format_duration

    if view["created"]:
        yield f"    # of two rows of one moment the later file's counts; {view['created']!r} is not read"
    yield f"    - name: {name}" + (f"  # {view['name']}" if name != view["name"] else "")
    yield f"      path: {_files(view['path'])}"
    yield f"      entity: {_listed(view['entity'])}"
    yield f"      timestamp: {json.dumps(view['timestamp'], ensure_ascii=False)}"
    if view["ttl_s"]:
        yield f"      ttl: {format_duration(timedelta(seconds=view['ttl_s']))}"
    yield f"      fields: {_listed(view['fields'])}"


def _name(name: str) -> str:
    """Return a view's name as model.yaml allows it."""
    if _VIEW.fullmatch(name):
        return name
    plain = re.sub(r"[^a-z0-9_]", "_", name.lower())[:40]
    return plain if "a" <= plain[:1] <= "z" else "v_" + plain[:38]


def _files(path: str) -> str:
    return path if _PARQUET.fullmatch(path) else f"{path.rstrip('/')}/*.parquet"


def _listed(names: list[str]) -> str:
    return f"[{', '.join(json.dumps(name, ensure_ascii=False) for name in names)}]"
