"""The ONNX graph that serves: how it is made, carries its metadata and scores.

One input `input` float32 [N, width]. Outputs: `label` int64 [N], the position in the metadata's `classes`,
and `probabilities` float32 [N, classes] in their order; or `variable` float32 [N, 1] for regression.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StepError
from pipelines.model_file import INPUT, LOOKUP_FOLDER, PROBABILITIES, VARIABLE, RefusedModel, check_model
from pipelines.own_code.runner.conversion import convert

__all__ = ["METADATA_KEY", "Bounds", "Scorer", "convert", "with_metadata"]

METADATA_KEY = "kascade"
_FIX = "take an estimator of the list, or have your own pipeline write plain ONNX (pipelines/model_file.py)"


def with_metadata(raw: bytes, metadata: Mapping[str, Any]) -> bytes:
    """Return the model with `metadata` as JSON under the key `kascade` of its properties."""
    import onnx

    model = onnx.load_from_string(raw)
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(metadata, sort_keys=True, allow_nan=False)})
    return bytes(model.SerializeToString(deterministic=True))


@dataclass(frozen=True)
class Bounds:
    """What a model that nobody vouches for may take: memory for what lies between its operators, and time."""

    max_bytes: int
    seconds: float


UNTRUSTED = Bounds(max_bytes=2 << 30, seconds=100)
"""Of one model; the gate must score a candidate and a champion before its event's delivery times out."""


class Scorer:
    """An ONNX model ready to score batches on one thread per core."""

    def __init__(self, raw: bytes, bounds: Bounds | None = None) -> None:
        """Load a model; without `bounds` it is one that this process has made.

        Raises:
            StepError: it is not loaded, for what it holds or because ONNX Runtime cannot.
        """
        import onnxruntime

        try:
            check_model(raw)
        except RefusedModel as error:
            raise StepError(f"the model is refused: {error}", _FIX) from error
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry(*LOOKUP_FOLDER)
        folding: list[str] = []
        if bounds is not None:
            _limit_memory(bounds.max_bytes)
            options.add_session_config_entry("session.use_env_allocators", "1")
            folding = ["ConstantFolding"]  # it computes while the model is loaded, out of reach of the limits
        try:
            self._session = onnxruntime.InferenceSession(
                raw, options, providers=["CPUExecutionProvider"], disabled_optimizers=folding
            )
        except Exception as error:  # ONNX Runtime raises a dozen unrelated classes
            raise StepError(f"ONNX Runtime cannot load the model: {error}", _FIX) from error
        names = [output.name for output in self._session.get_outputs()]
        self._wanted = [PROBABILITIES if PROBABILITIES in names else VARIABLE]
        self._seconds = None if bounds is None else bounds.seconds

    def metadata(self) -> dict[str, Any]:
        """Return what `with_metadata` put into the model. Raises: KeyError when there is nothing."""
        found: dict[str, Any] = json.loads(self._session.get_modelmeta().custom_metadata_map[METADATA_KEY])
        return found

    def score(self, matrix: NDArray[np.float32], batch: int = 1024) -> NDArray[np.float32]:
        """Return probabilities [N, classes], or numbers [N] for regression.

        Raises:
            StepError: the model cannot score this matrix, or not within its bounds.
        """
        (scores,) = self.outputs(self._wanted, matrix, batch)
        return scores.reshape(-1) if self._wanted == [VARIABLE] else scores

    def outputs(self, names: list[str], matrix: NDArray[np.float32], batch: int = 1024) -> list[NDArray[Any]]:
        """Return some of the outputs for all rows of a matrix. Raises: StepError as `score`."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        end = threading.Timer(self._seconds or 0, lambda: setattr(options, "terminate", True))
        if self._seconds is not None:
            end.start()
        try:
            blocks = [
                self._session.run(
                    names, {INPUT: np.ascontiguousarray(matrix[start : start + batch])}, options
                )
                for start in range(0, len(matrix), batch)
            ]
        except Exception as error:  # ONNX Runtime raises a dozen unrelated classes
            slow = f"not within {self._seconds:g} s" if options.terminate else str(error)
            what = f"the model cannot score {matrix.shape[1]} encoded columns"
            raise StepError(f"{what}: {slow}", _FIX) from error
        finally:
            end.cancel()
        if not blocks:
            return [np.zeros((0, 1), dtype=np.float32) for _ in names]
        return [np.concatenate(each) for each in zip(*blocks, strict=True)]


@cache
def _limit_memory(max_bytes: int) -> None:
    """Let all models of this process that ask for it share a pool of memory, of at most so many bytes."""
    import onnxruntime as ort

    pool = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(pool, ort.OrtArenaCfg({"max_mem": max_bytes}))
