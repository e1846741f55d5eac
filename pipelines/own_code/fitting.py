"""Has `fit` of a train.py make models from encoded rows, in a process of its own; ONNX graphs come back."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.errors import StepError
from pipelines.model_file import MAX_BYTES
from pipelines.onnx_graph import UNTRUSTED, Scorer
from pipelines.own_code import environment, process
from pipelines.own_code.graph import as_served
from pipelines.own_code.permission import SECRETS
from pipelines.spec import Train
from pipelines.spec.resources import bytes_of
from pipelines.steps import files

RUNNER = Path(__file__).with_name("runner")
_FRAME = re.compile(r'File ".*?/(?P<name>[^/"]+\.py)", line (?P<line>\d+)')


@dataclass(frozen=True)
class Call:
    """One call of `fit`.

    Attributes:
        rows: to learn from, their numbers in the training matrix, [N].
        target: of these rows, [N]: positions in `classes`, or numbers.
        classes: names of the target's classes; None for regression.
    """

    params: Mapping[str, Any]
    rows: NDArray[np.int64]
    target: NDArray[Any]
    classes: Sequence[Any] | None


@dataclass(frozen=True)
class Made:
    """What a call made.

    Attributes:
        onnx: the graph as it serves.
        expected: what the estimator itself predicts of the rows to score; None: `fit` gave the graph itself.
        line: where `fit` begins.
        environment: the packages that were there, a `name==version` line each.
    """

    onnx: bytes
    expected: NDArray[np.float64] | None
    environment: str
    line: int | None = None


class CodeRunner:
    """A train.py with what it may use."""

    def __init__(self, prepared: Path) -> None:
        """Read what the step `features` has laid down."""
        self._prepared = prepared
        self._facts = files.read_json(prepared / files.PREPARED)
        facts = self._facts["own_code"]
        self.name: str = facts["name"]
        self._requirements: str | None = facts["requirements"]
        self._train = Train.model_validate_json(facts["train"])

    def make(self, calls: Sequence[Call], score: NDArray[np.float32] | None = None) -> list[Made]:
        """Make the calls one after the other in one process.

        Args:
            score: rows that each estimator itself is to predict, [N, width].

        Raises:
            StepError: the code failed, and where; or what it made is no model that serves.
            TransientError: its environment cannot be made now.
        """
        secrets = self._secrets()
        python = self._python()
        with tempfile.TemporaryDirectory(prefix="own-code-") as name:
            folder = Path(name).resolve()
            self._lay_down(folder, calls, score)
            (folder / "scratch").mkdir()
            ended = process.run(
                [python, str(RUNNER), str(folder)],
                folder / "scratch",
                process.Limits(self._train.timeout.total_seconds(), self._memory()),
                finished=lambda: _finished(folder, len(calls)),
                secrets=secrets,
            )
            return [self._taken(folder, number, call, ended) for number, call in enumerate(calls)]

    def _python(self) -> str:
        if self._requirements is None:
            return sys.executable
        return environment.python_for((self._prepared / files.REQUIREMENTS).read_bytes(), self._requirements)

    def _secrets(self) -> dict[str, str]:
        allowed = os.environ.get(SECRETS, "").split()
        wanted = self._train.secrets
        refused = [name for name in wanted if name not in allowed]
        if refused:
            raise StepError(
                f"train.secrets names {', '.join(refused)}, which the operator lets no code have here",
                f"leave it out, or have the operator name it in {SECRETS}",
            )
        lacking = [name for name in wanted if name not in os.environ]
        if lacking:
            raise StepError(
                f"train.secrets names {', '.join(lacking)}, which is not set where models are trained",
                "have the operator set the variable from its Secret",
            )
        return {name: os.environ[name] for name in wanted}

    def _memory(self) -> int:
        asked = self._train.resources.memory
        machine = process.machine_memory()
        return machine if asked is None else min(machine, bytes_of(asked))

    def _lay_down(self, folder: Path, calls: Sequence[Call], score: NDArray[np.float32] | None) -> None:
        shutil.copy(self._prepared / files.CODE, folder / self.name)
        columns: list[str] = self._facts["own_code"]["columns"]
        pq.write_table(
            _table(files.read_array(self._prepared / files.TRAIN_MATRIX), columns), folder / "frame.parquet"
        )
        if score is not None:
            pq.write_table(_table(score, columns), folder / "score.parquet")
        for number, call in enumerate(calls):
            np.save(folder / f"rows-{number}.npy", call.rows)
            np.save(folder / f"target-{number}.npy", call.target)
        job = {
            "name": self.name,
            "target": self._facts["target"],
            "seed": self._facts["seed"],
            "balanced": self._facts["balanced"],
            "calls": [
                {"params": dict(call.params), "classes": None if call.classes is None else list(call.classes)}
                for call in calls
            ],
        }
        files.write_json(folder / "job.json", job)

    def _taken(self, folder: Path, number: int, call: Call, ended: process.Ended) -> Made:
        """Read what a call left. Raises: StepError."""
        report = folder / f"{number}.json"
        failed = folder / "failed.json"
        if not report.exists():
            found = files.read_json(failed) if failed.exists() else self._cut_off(folder, ended)
            raise self._error(found["problem"], found["line"])
        found = files.read_json(report)
        if "problem" in found:
            given = f" (params: {dict(call.params)})" if call.params else ""
            raise self._error(f"{found['problem']}{given}", found["line"])
        expected = folder / f"{number}.npy"
        raw, line = _bounded(folder / f"{number}.onnx"), found["line"]
        try:
            served = as_served(raw, self._facts["width"], None if call.classes is None else len(call.classes))
        except StepError as error:
            raise self._error(f"what `fit` returned cannot serve: {error.problem}", line) from error
        packages = "".join(f"{line}\n" for line in files.read_json(folder / "environment.json"))
        return Made(served, np.load(expected) if expected.exists() else None, packages, line)

    def _cut_off(self, folder: Path, ended: process.Ended) -> dict[str, Any]:
        """Return how a process ended that left no report, and the line that it was at."""
        fault = folder / "fault.txt"
        frames = _FRAME.finditer(fault.read_text(errors="replace")) if fault.exists() else ()
        line = next((int(each["line"]) for each in frames if each["name"] == self.name), None)
        how = ended.broken or (
            f"its process was ended by signal {-ended.code}"
            if ended.code < 0
            else f"its process ended with {ended.code}"
        )
        return {"problem": "\n".join([how, *ended.last_lines[-6:]]), "line": line}

    def _error(self, problem: str, line: int | None) -> StepError:
        place = self.name if line is None else f"{self.name}, line {line}"
        for name in self._train.secrets:
            problem = process.hidden(problem, os.environ.get(name, ""))
        return StepError(
            f"{place}: {problem}", f"correct {self.name} and drop it again; its output is in the run's log"
        )

    def score(self, made: Made, matrix: NDArray[np.float32], classes: int | None) -> NDArray[np.float32]:
        """Return probabilities [N, classes], or numbers [N].

        Raises: StepError when the graph gives something else.
        """
        try:
            scores = Scorer(made.onnx, UNTRUSTED).score(matrix)
        except StepError as error:
            raise self._error(error.problem, made.line) from error
        wanted = (len(matrix),) if classes is None else (len(matrix), classes)
        if scores.shape != wanted:
            got = f"its model gives {list(scores.shape)} of {len(matrix)} rows, expected {list(wanted)}"
            raise self._error(got, made.line)
        if not np.isfinite(scores).all():
            raise self._error("its model gives NaN or infinities: a feature may be missing (NaN)", made.line)
        return scores


def _finished(folder: Path, calls: int) -> int | None:
    """Return how many calls have been made; None while the runner is still loading."""
    if not (folder / "environment.json").exists():
        return None
    return sum((folder / f"{number}.json").exists() for number in range(calls))


def _table(matrix: NDArray[Any], columns: Sequence[str]) -> pa.Table:
    return pa.table([np.ascontiguousarray(column) for column in matrix.T], names=list(columns))


def _bounded(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise StepError(f"the model has {size} bytes, at most {MAX_BYTES} are loaded", "make a smaller model")
    return path.read_bytes()
