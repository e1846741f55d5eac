"""Around every component: log what it does, and record why it failed where the exit task will find it."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from eventing.store import S3Store, Store, StoreError, StoreUnavailable
from pipelines.components.transcript import Transcript
from pipelines.errors import StepError, TransientError
from pipelines.records import Failure, Fault, write_failure

_LONGEST = 2_000


def open_store() -> Store:
    """Open the object store that the environment names."""
    return S3Store.from_env(os.environ)


@contextmanager
def logged_step(step: str, output: str, attempt: str) -> Iterator[None]:
    """Log the step's begin and end; record a failure as `<output>/failures/<attempt>.json` and re-raise."""
    started = time.monotonic()
    printed = Transcript()
    print(f"{step}: started", flush=True)
    try:
        with printed:
            yield
    except Exception as error:
        failure = replace(explain(step, error), log=printed.end(error))
        print(
            f"{step}: failed: {failure.error}" + (f" (fix: {failure.fix})" if failure.fix else ""), flush=True
        )
        try:
            write_failure(open_store(), output, attempt, failure)
        except StoreError as unrecorded:
            print(f"{step}: could not record that: {unrecorded}", file=sys.stderr, flush=True)
        raise
    print(f"{step}: done in {time.monotonic() - started:.2f} s", flush=True)


def explain(step: str, error: Exception) -> Failure:
    """Turn an exception into what its owner should read."""
    if isinstance(error, StepError):
        return Failure(step, _short(error.problem), _short(error.fix), Fault.OWNER)
    if isinstance(error, TransientError | StoreUnavailable | OSError):
        return Failure(step, _short(str(error)), "it is tried again by itself", Fault.SURROUNDINGS)
    if isinstance(error, MemoryError):
        fix = "give the job more memory, or train on fewer rows (train.window)"
        return Failure(step, "out of memory", fix, Fault.SURROUNDINGS)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" (at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    message = f"{type(error).__name__}: {error}{place}"
    return Failure(step, _short(message), "this is a defect of the pipeline; please report it", Fault.CODE)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
