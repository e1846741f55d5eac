"""The version that scores a file: the champion when its scoring begins, loaded and ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from eventing.catalogue import Claim
from eventing.store import DigestMismatch, ObjectMissing, RequestRefused, Store
from functions.data_files.refusal import refuse
from functions.state import versions
from pipelines.class_labels import class_labels
from pipelines.encoding import Encoding
from pipelines.encoding.columns import Matrix
from pipelines.errors import StepError
from pipelines.model_file import LABEL, MAX_BYTES, PROBABILITIES, VARIABLE
from pipelines.onnx_graph import UNTRUSTED, Scorer

_BLOCK = 1024


@dataclass(frozen=True)
class Champion:
    """Who scores: the version and its file."""

    version: int
    candidate: Claim


def champion_of(session: Session, model: str) -> Champion:
    """Return a model's champion. Raises: FileRefused: it has none; the reason says why."""
    number = versions.champion(session, model)
    row = None if number is None else versions.get_version(session, model, number)
    if row is not None:
        return Champion(row.version, row.candidate)
    if versions.retirement(session, model) is not None:
        problem, fix = "it was taken out of service", f"kascade promote {model} <version>, then drop it again"
    elif versions.versions_of(session, model):
        problem, fix = "no version was promoted yet", f"drop it again once kascade models {model} shows one"
    else:
        problem = "no version was trained yet"
        fix = f"drop training data into raw/{model}/, and this file again once a version serves"
    raise refuse(f"the model {model} has no champion", f"model {model}", problem, fix)


@dataclass(frozen=True)
class Answers:
    """What the model says of N rows: the class or number of each, and a column of probabilities per class."""

    prediction: pa.Array
    probabilities: tuple[pa.Array, ...]
    finite: NDArray[np.bool_]


@dataclass(frozen=True)
class LoadedChampion:
    """A model that is ready to score encoded rows, as `serve_model` would."""

    version: int
    encoding: Encoding
    classes: tuple[Any, ...] | None
    answer: Callable[[Matrix], Answers]


def load_champion(store: Store, champion: Champion) -> LoadedChampion:
    """Load the champion's file. Raises: FileRefused: it cannot be used."""
    where = champion.candidate.uri
    try:
        if store.head(where).size > MAX_BYTES:
            raise refuse("the model cannot be used", where, f"over {MAX_BYTES} bytes", "train it again")
        return loaded(store.get(where, champion.candidate.sha256), champion.version)
    except (ObjectMissing, DigestMismatch, RequestRefused, StepError) as error:
        raise refuse("the model cannot be used", where, str(error)[:200], "train it again") from error
    except (KeyError, TypeError, ValueError) as error:  # what it says of itself may be any JSON
        why = repr(error)[:200]
        raise refuse("the model does not say what it predicts", where, why, "train it again") from error


def loaded(raw: bytes, version: int) -> LoadedChampion:
    """Load a model file. Raises: StepError, KeyError, TypeError, ValueError: it is none of ours."""
    scorer = Scorer(raw, UNTRUSTED)
    about = scorer.metadata()
    encoding, classes = Encoding.from_json(about["encoding"]), about.get("classes")
    if classes:
        return LoadedChampion(version, encoding, tuple(classes), _classifier(scorer, classes))
    return LoadedChampion(version, encoding, None, _regressor(scorer, encoding))


def _classifier(scorer: Scorer, classes: list[Any]) -> Callable[[Matrix], Answers]:
    known = pa.array(class_labels(classes))

    def answer(matrix: Matrix) -> Answers:
        labels, probabilities = scorer.outputs([LABEL, PROBABILITIES], matrix, _BLOCK)
        # A graph that gives integers gives positions in `classes`; one that gives texts gives the classes.
        named = (
            pa.array(labels.tolist(), pa.string()) if labels.dtype == object else known.take(pa.array(labels))
        )
        columns = tuple(pa.array(np.ascontiguousarray(column)) for column in probabilities.T)
        return Answers(named, columns, np.isfinite(probabilities).all(axis=1))

    return answer


def _regressor(scorer: Scorer, encoding: Encoding) -> Callable[[Matrix], Answers]:
    def answer(matrix: Matrix) -> Answers:
        (numbers,) = scorer.outputs([VARIABLE], matrix, _BLOCK)
        answers = encoding.answers(numbers.reshape(-1))
        return Answers(pa.array(answers), (), np.isfinite(answers))

    return answer
