"""The port to what runs training pipelines: what it is asked for, what it reports of a run, and its errors.

EngineError
├── Unavailable   the engine does not answer, or cannot take the run now: try again later
└── Refused       the engine will never run this
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from pipelines.records import Failure
from pipelines.spec import Train


class EngineError(Exception):
    """The base of what an engine raises."""


class Unavailable(EngineError):
    """The engine does not answer, or cannot take the run now."""


class Refused(EngineError):
    """The engine will never run what it was given; `failure` says why, and what its owner can do."""

    def __init__(self, failure: Failure) -> None:
        """Take the reason."""
        super().__init__(failure.error)
        self.failure = failure


@dataclass(frozen=True)
class Run:
    """A run of a pipeline.

    Attributes:
        run_id: names the run, and is made from the event that asked for it, so that a redelivery of that
            event names the same run.
        parameters: of the pipeline, plain values by name.
        package: a compiled pipeline; None: the training pipeline of this project.
        train: what the model.yaml says of training; an engine does what it can of the resources, nodes,
            secrets and caching that it asks for.
    """

    run_id: str
    parameters: Mapping[str, Any]
    package: bytes | None = None
    train: Train = field(default_factory=Train)


class RunState(StrEnum):
    """Where a run is. The last three are final."""

    UNKNOWN = "unknown"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class RunStatus:
    """What an engine reports of a run. What the run made lies in the object store, not here.

    Attributes:
        announced: the exit task of the run has sent the event that says how it ended.
        failure: why it failed, as far as the engine knows: the run itself may have recorded a better reason.
        begun: the steps of the training pipeline that have begun, in order; none of another pipeline.
    """

    state: RunState
    announced: bool = False
    failure: Failure | None = None
    begun: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the run has come to its end."""
        return self.state not in (RunState.UNKNOWN, RunState.RUNNING)


class TrainingEngine(Protocol):
    """Runs pipelines. Every method may be repeated and returns at once.

    Those that ask the engine raise Unavailable and Refused.
    """

    name: str
    """What `training.started` names as the launcher."""

    def submit(self, run: Run) -> None:
        """Start a run. One whose id is known already, running or ended, is not started again.

        After Unavailable it may have been started all the same: submit it again, or ask for its status.
        """
        ...

    def status(self, run_id: str) -> RunStatus:
        """Return where a run is; `UNKNOWN` when it was never submitted."""
        ...

    def cancel(self, run_id: str) -> None:
        """End a run that is under way. One that has ended stays as it is, and an unknown one unknown.

        An engine that does not tell the two apart says of a cancelled run that it failed.
        """
        ...

    def page(self, run: Run) -> str | None:
        """Return the address of the run's page, where the engine has one. It asks nobody."""
        ...
