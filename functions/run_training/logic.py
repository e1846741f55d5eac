"""What to do after an attempt: pure, so that every case can be read in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import yaml

from pipelines.records import Failure, Fault

SUCCESS, RETRY, BAD_EVENT = 0, 1, 2


class Next(StrEnum):
    """What follows an attempt."""

    NOTHING = "nothing"
    ANNOUNCE = "announce"
    RETRY = "retry"


def after_attempt(
    *, announced: bool, completed: bool, failure: Failure | None, attempts: int, max_attempts: int
) -> Next:
    """Tell what follows an attempt.

    Args:
        announced: the run's exit task has sent its event.
        completed: the version's card is there.
        failure: what the attempt recorded; None when it ended without a word.
        attempts: how many have failed, this one included.
        max_attempts: how many may.
    """
    if announced:
        return Next.NOTHING
    if completed:
        return Next.ANNOUNCE
    transient = failure is None or failure.fault is Fault.SURROUNDINGS
    return Next.RETRY if transient and attempts < max_attempts else Next.ANNOUNCE


CUSTOM_FORBIDDEN = Failure(
    step="launch",
    error="the spec names its own pipeline (train.pipeline), and this installation does not run those: "
    "it would be running code of whoever writes to the bucket",
    fix="remove train.pipeline, or ask the operator to set ALLOW_CUSTOM_PIPELINES=true",
    fault=Fault.OWNER,
)
NO_CARD = Failure(
    step="pipeline",
    error="the custom pipeline ended without writing card.json under its parameter `output`",
    fix="write the files of a version as functions/run_training/README.md lists them, card.json last",
    fault=Fault.OWNER,
)


NO_PIPELINE = Failure(
    step="launch",
    error="train.pipeline is no compiled Kubeflow pipeline: it lacks `root` or is no YAML",
    fix="write it with kfp.compiler.Compiler().compile(...) and upload the YAML",
    fault=Fault.OWNER,
)


def declared_parameters(package: bytes) -> Mapping[str, Any] | None:
    """Return the parameters that a compiled pipeline declares; None when it is no compiled pipeline.

    Options of a platform, such as those of kfp-kubernetes, follow as a second YAML document.
    """
    try:
        pipeline, *_ = yaml.safe_load_all(package)
        root = pipeline["root"]
        return dict((root.get("inputDefinitions") or {}).get("parameters") or {})
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError):
        return None


def fill_parameters(
    declared: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[dict[str, Any], Sequence[str]]:
    """Return the parameters that a custom pipeline declares, and the names it needs that are not given.

    Args:
        declared: the `root.inputDefinitions.parameters` of its compiled YAML.
    """
    missing = [
        name
        for name, definition in declared.items()
        if name not in given and not definition.get("isOptional") and "defaultValue" not in definition
    ]
    return {name: given[name] for name in declared if name in given}, missing


def unknown_parameters(names: Sequence[str]) -> Failure:
    """Say that a custom pipeline asks for what a run does not have."""
    return Failure(
        "launch",
        f"the custom pipeline needs parameters that a run does not have: {', '.join(names)}",
        "give them defaults, or use the names in functions/run_training/README.md",
        Fault.OWNER,
    )
