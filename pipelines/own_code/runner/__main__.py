"""Calls `fit` of a train.py and writes down what it gives. Started by `pipelines.own_code.process`.

    python pipelines/own_code/runner FOLDER

FOLDER holds job.json, the train.py, frame.parquet and, for each call, rows-N.npy and target-N.npy. Of call N
this writes N.onnx, N.npy (what the estimator itself predicts of score.parquet) and last N.json; of what keeps
every call from being made, failed.json.
"""

from __future__ import annotations

import faulthandler
import json
import linecache
import os
import random
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np
import pandas as pd
from conversion import NotConverted, convert  # type: ignore[import-not-found]

Fit = Callable[[pd.DataFrame, pd.Series, dict[str, Any], int], Any]
_FRAMES = 4


class Faulty(Exception):
    """What the owner of the code should read; `line` is where it is in the file."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


def main(folder: Path) -> None:
    """Make every call of the job."""
    faulthandler.enable((folder / "fault.txt").open("w"))
    job = json.loads((folder / "job.json").read_text())
    _write(folder / "environment.json", _environment())
    path = folder / job["name"]
    try:
        fit = _load(path)
    except Faulty as faulty:
        _write(folder / "failed.json", {"problem": str(faulty), "line": faulty.line})
        return
    frame = pd.read_parquet(folder / "frame.parquet")
    for number, call in enumerate(job["calls"]):
        try:
            found = _call(folder, job, number, call, frame, fit)
        except Faulty as faulty:
            found = {"problem": str(faulty), "line": faulty.line}
        _write(folder / f"{number}.json", found)


def _load(path: Path) -> Fit:
    source = path.read_bytes()
    try:
        code: CodeType = compile(source, str(path), "exec")
    except (SyntaxError, ValueError) as error:
        raise Faulty(f"{type(error).__name__}: {error}", getattr(error, "lineno", None)) from error
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    _run(path, lambda: exec(code, module.__dict__))  # noqa: S102 - it is what this program is for
    fit = getattr(module, "fit", None)
    if not callable(fit):
        raise Faulty("it has no function `fit`")
    return fit  # type: ignore[no-any-return]


def _call(
    folder: Path, job: dict[str, Any], number: int, call: dict[str, Any], frame: pd.DataFrame, fit: Fit
) -> dict[str, Any]:
    rows = np.load(folder / f"rows-{number}.npy")
    given = frame.iloc[rows].reset_index(drop=True)
    target = pd.Series(np.load(folder / f"target-{number}.npy"), name=job["target"])
    target.attrs = {"classes": call["classes"], "balanced": job["balanced"]}
    random.seed(job["seed"])
    np.random.seed(job["seed"])
    path, process = folder / job["name"], os.getpid()
    made = _run(path, lambda: fit(given, target, dict(call["params"]), job["seed"]))
    if os.getpid() != process:  # the code forked, and came back twice
        os._exit(0)
    line = getattr(getattr(fit, "__code__", None), "co_firstlineno", None)
    if isinstance(made, bytes | bytearray | memoryview):
        (folder / f"{number}.onnx").write_bytes(bytes(made))
        return {"line": line, "kind": "onnx"}
    if not hasattr(made, "predict"):
        what = f"{type(made).__module__}.{type(made).__qualname__}"
        raise Faulty(
            f"`fit` returned a {what}, expected a fitted estimator or the bytes of an ONNX model", line
        )
    classes = call["classes"]
    if (folder / "score.parquet").exists():
        score = pd.read_parquet(folder / "score.parquet")
        try:
            expected = _run(path, lambda: _expected(made, score, classes))
        except Faulty as faulty:
            raise Faulty(f"what `fit` returned cannot predict: {faulty}", faulty.line or line) from faulty
        np.save(folder / f"{number}.npy", expected)
    try:
        raw = convert(made, frame.shape[1], classifies=classes is not None)
    except NotConverted as error:
        raise Faulty(
            f"{error}; add it to train.requirements, or return the bytes of an ONNX model", line
        ) from error
    except Exception as error:  # converters raise whatever they meet
        what = f"{type(made).__module__}.{type(made).__qualname__} that `fit` returned"
        raise Faulty(f"the {what} has no ONNX form: {type(error).__name__}: {error}", line) from error
    (folder / f"{number}.onnx").write_bytes(raw)
    return {"line": line, "kind": "estimator"}


def _expected(made: Any, frame: pd.DataFrame, classes: list[Any] | None) -> Any:
    if classes is None:
        return np.asarray(made.predict(frame), dtype=np.float64).reshape(-1)
    full = np.zeros((len(frame), len(classes)))
    full[:, np.asarray(made.classes_, dtype=np.int64)] = made.predict_proba(frame)
    return full


def _run(path: Path, code: Callable[[], Any]) -> Any:
    """Run code of the owner. Raises: Faulty with the line in their file and the end of the traceback."""
    try:
        return code()
    except BaseException as error:
        every = traceback.extract_tb(error.__traceback__)
        frames = [each for each in every if each.filename == str(path)]
        line = frames[-1].lineno if frames else None
        if isinstance(error, SystemExit):
            raise Faulty(f"it called sys.exit({error.code!r})", line) from error
        linecache.checkcache()
        text = f"{type(error).__name__}: {error}"
        shown = frames[-_FRAMES:] if every[-1:] == frames[-1:] else [*frames[-_FRAMES:], *every[-1:]]
        raise Faulty(
            "\n".join([text, *"".join(traceback.format_list(shown)).splitlines()]).replace(
                f"{path.parent}/", ""
            ),
            line,
        ) from error


def _environment() -> list[str]:
    return sorted(
        {f"{d.metadata['Name'].lower()}=={d.version}" for d in distributions() if d.metadata["Name"]}
    )


def _write(path: Path, value: Any) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(value))
    draft.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)  # whatever threads the code has left
