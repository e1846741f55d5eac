"""The engine's twin in memory: the same rules without running anything, for tests."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.announcement import UNSAID
from pipelines.engines import Refused, Run, RunState, RunStatus, Unavailable
from pipelines.engines.prepare import NO_PIPELINE, declared_parameters
from pipelines.records import Failure

_CANCELLED = RunStatus(RunState.CANCELLED)


class MemoryEngine:
    """A `TrainingEngine` whose runs go on until `succeed` or `fail` is called, or as `work` says.

    `unavailable` makes every call raise; `runs` are those that were started, in order.
    """

    name = "memory"

    def __init__(self, work: Callable[[Run], RunStatus] | None = None) -> None:
        """Start without runs.

        Args:
            work: does a run's work when it is submitted, and returns how it ended.
        """
        self.unavailable = False
        self.runs: list[Run] = []
        self._work = work
        self._statuses: dict[str, RunStatus] = {}

    def succeed(self, run_id: str, *, announced: bool = False) -> None:
        """Let a run succeed."""
        self._end(run_id, RunStatus(RunState.SUCCEEDED, announced))

    def fail(self, run_id: str, failure: Failure = UNSAID) -> None:
        """Let a run fail."""
        self._end(run_id, RunStatus(RunState.FAILED, failure=failure))

    def forget(self, run_id: str) -> None:
        """Let a person delete a run."""
        del self._statuses[run_id]

    def submit(self, run: Run) -> None:
        """See `TrainingEngine`."""
        self._answer()
        if run.package is not None and declared_parameters(run.package) is None:
            raise Refused(NO_PIPELINE)
        if run.run_id not in self._statuses:
            self.runs.append(run)
            self._statuses[run.run_id] = RunStatus(RunState.RUNNING)
            if self._work is not None:
                self._end(run.run_id, self._work(run))

    def status(self, run_id: str) -> RunStatus:
        """See `TrainingEngine`."""
        self._answer()
        return self._statuses.get(run_id, RunStatus(RunState.UNKNOWN))

    def cancel(self, run_id: str) -> None:
        """See `TrainingEngine`."""
        self._answer()
        if run_id in self._statuses:
            self._end(run_id, _CANCELLED)

    def page(self, run: Run) -> None:
        """See `TrainingEngine`: there are no pages."""

    def begin(self, run_id: str, *steps: str) -> None:
        """Let a run that goes on have begun some steps."""
        self._statuses[run_id] = RunStatus(RunState.RUNNING, begun=steps)

    def _end(self, run_id: str, status: RunStatus) -> None:
        if not self._statuses[run_id].ended:
            self._statuses[run_id] = status

    def _answer(self) -> None:
        if self.unavailable:
            raise Unavailable("made unavailable by a test")
