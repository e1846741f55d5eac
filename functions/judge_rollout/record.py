"""What a verdict is made from, kept so that it can be made again under any policy.

Each time requests are taken in they are written as one file, which names the one before: a chain from the
newest to the start of the phase. The event of a verdict names the newest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter

from eventing.catalogue import Claim, DecisionInputs
from eventing.store import Store, put_by_digest
from functions.judge_rollout.guards import Services
from functions.judge_rollout.logic import Inputs, requests_between
from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.phases import start_phase
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.state import JudgeState, PhaseStart

Get = Callable[[Claim], bytes]


@dataclass(frozen=True)
class RequestFile:
    """Requests that were taken in at one time, in order, and the file of those before."""

    requests: tuple[Matured, ...]
    before: Claim | None = None


@dataclass(frozen=True)
class Record:
    """The inputs of a verdict, as its event carries them; `requests` is the newest file of the phase."""

    start: PhaseStart
    matured_by: datetime
    requests: Claim | None = None
    services: Services | None = None

    def inputs(self, policy: Policy, get: Get) -> Inputs:
        """Return what to decide from, from the start of the phase on.

        Raises:
            ValueError: a file is no file of requests.
        """
        requests = read_requests(self.requests, get)
        return Inputs(start_phase(policy, self.start), self.matured_by, requests, self.services)


_FILE = TypeAdapter(RequestFile)


def folder_of(model: str, version: int) -> str:
    """Return where the records of a challenger's rollouts lie."""
    return f"s3://reports/{model}/v{version}/decisions"


def record_requests(store: Store, folder: str, inputs: Inputs, state: JudgeState) -> JudgeState:
    """Store the requests that were taken in; return the state after them, with the claim to their file.

    Raises:
        eventing.store.StoreError: the store does not take it.
    """
    if state.start is None or state.through in (None, inputs.state.through):
        return state
    taken = RequestFile(requests_between(inputs.state, state, inputs.requests), state.requests)
    return replace(state, requests=put_by_digest(store, folder, _FILE.dump_json(taken)))


def record_verdict(
    store: Store, folder: str, policy: Policy, inputs: Inputs, state: JudgeState
) -> DecisionInputs | None:
    """Return what a verdict was made from; None when an earlier release did not record the phase's start.

    Args:
        state: after the inputs, as `record_requests` returned it.
    """
    if state.start is None:
        return None
    record = Record(state.start, inputs.matured_by, state.requests, inputs.services)
    return DecisionInputs.of(policy, record, lambda raw: put_by_digest(store, folder, raw))


def read_requests(newest: Claim | None, get: Get) -> tuple[Matured, ...]:
    """Return all requests of a chain of files, oldest first."""
    pieces: list[tuple[Matured, ...]] = []
    while newest is not None:
        file = _FILE.validate_json(get(newest))
        pieces.append(file.requests)
        newest = file.before
    return tuple(each for piece in reversed(pieces) for each in piece)
