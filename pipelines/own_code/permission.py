"""Whether code of whoever may write to the bucket may run: one rule for all of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from eventing.catalogue import Problem
from eventing.environment import Variables
from pipelines.spec import ModelSpec

SECRETS = "CODE_SECRETS"
"""The variable that names those variables, separated by spaces, which train.secrets may hand to the code."""

FIX = (
    "ask the operator to allow it: `kascade up --allow-code` on one machine, "
    'ALLOW_CODE: "true" in the ConfigMap `kascade` on a cluster; '
    "then drop model.yaml with a change, such as a comment: what lies there unchanged is not read again"
)


def code_allowed(read: Variables) -> bool:
    """Return whether the operator lets it: by ALLOW_CODE, or its older name ALLOW_CUSTOM_PIPELINES."""
    switches = [read.flag("ALLOW_CODE"), read.flag("ALLOW_CUSTOM_PIPELINES")]
    return any(switches)


def refuse_code(spec: ModelSpec) -> Iterable[Problem]:
    """Yield a problem for each key of `train` that names code, for where none may run."""
    for key, what in _named(spec):
        yield Problem(
            where=f"train.{key}",
            problem=f"it names {what}, and this system runs no code that lies in the bucket",
            fix=f"remove train.{key}, or {FIX}",
        )


def _named(spec: ModelSpec) -> Iterator[tuple[str, str]]:
    for key, value in (("code", spec.train.code), ("pipeline", spec.train.pipeline)):
        if value is not None:
            yield key, value
