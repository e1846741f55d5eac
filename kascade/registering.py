"""Models that were made elsewhere, on their way in: an ONNX file, or a model in MLflow that has one."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from eventing import catalogue as c
from eventing.store import ObjectMissing, Store
from kascade.errors import KascadeError
from pipelines.model_file import MAX_BYTES, RefusedModel, check_contents

MLFLOW_SCHEMES = ("models:/", "runs:/", "mlflow-artifacts:/")
_FORMAT = "docs/how-to/register.md says what a model may be"


class OutsideModelError(KascadeError):
    """A file, or a model in MLflow, cannot be registered; the message says what to do."""


def read_model(source: str | Path | bytes) -> tuple[bytes, str]:
    """Return a model's file, looked through, and where it is from.

    Args:
        source: a path, the file's content, or the address of a model in MLflow, such as `models:/churn/3`.

    Raises:
        OutsideModelError: it is no model that could be registered.
        OSError: the file cannot be read.
    """
    if isinstance(source, bytes):
        raw, origin = source, ""
    elif str(source).startswith(MLFLOW_SCHEMES):
        raw, origin = _from_mlflow(str(source)), str(source)
    else:
        raw, origin = _read(Path(source)), Path(source).name
    try:
        if not check_contents(raw)[1]:
            raise RefusedModel("it holds no graph")
    except RefusedModel as error:
        fix = (
            "save it in one file: onnx.save(model, path, save_as_external_data=False)"
            if "external data" in str(error)
            else _FORMAT
        )
        raise OutsideModelError(f"{origin or 'the model'} is refused: {error}; {fix}") from error
    return raw, origin


@dataclass(frozen=True)
class Offer:
    """A model that is to be registered: its file, and what is said of it."""

    raw: bytes
    payload: c.ModelRegistered

    def put(self, store: Store) -> None:
        """Put the file where it is registered from; the same file lies there once."""
        claim = self.payload.file
        try:
            if store.head(claim.uri).size == len(self.raw):
                return
        except ObjectMissing:
            pass
        store.put(claim.uri, self.raw)


def offer(source: str | Path | bytes, model: str, **details: Any) -> Offer:
    """Look through a model, and say what is offered.

    Args:
        source: as of `read_model`.
        details: the other fields of `model.registered`.

    Raises:
        ValueError: the model's name, a feature or a class cannot be one.
        OutsideModelError, OSError: as of `read_model`.
    """
    nothing = c.Claim(uri="s3://models/nothing", sha256="0" * 64)
    try:
        named = c.ModelRegistered(model=model, file=nothing, **details)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ValueError(wrong) from error
    raw, origin = read_model(source)
    digest = hashlib.sha256(raw).hexdigest()
    file = c.Claim(uri=f"s3://models/{model}/registered/{digest}.onnx", sha256=digest)
    return Offer(raw, named.model_copy(update={"file": file, "origin": origin}))


def _read(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise OutsideModelError(
            f"{path} has {size} bytes, at most {MAX_BYTES} are taken; quantise it, or prune it"
        )
    return path.read_bytes()


def _from_mlflow(uri: str) -> bytes:
    """Fetch the ONNX file of a model in MLflow, with the data that MLflow keeps in files beside it."""
    try:
        import mlflow
        import onnx
        import yaml
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise OutsideModelError(f"{uri} needs MLflow's client: pip install 'kascade[mlflow]'") from error
    with tempfile.TemporaryDirectory() as folder:
        try:
            place = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder))
        except (MlflowException, OSError, ValueError) as error:
            at = mlflow.get_tracking_uri()
            raise OutsideModelError(
                f"{uri} cannot be fetched from MLflow at {at}: {error}; "
                "MLFLOW_TRACKING_URI says where that is, MLFLOW_TRACKING_TOKEN or MLFLOW_TRACKING_USERNAME "
                "and MLFLOW_TRACKING_PASSWORD who asks"
            ) from error
        described = place / "MLmodel"
        flavours = yaml.safe_load(described.read_bytes()).get("flavors") or {} if described.is_file() else {}
        if "onnx" not in flavours:
            has = ", ".join(sorted(flavours)) or "none"
            raise OutsideModelError(
                f"{uri} has no ONNX flavour, it has: {has}; log it with mlflow.onnx.log_model as well"
            )
        file = place / str(flavours["onnx"].get("data", "model.onnx"))
        try:
            if not file.resolve().is_relative_to(place.resolve()):
                raise OutsideModelError(f"{uri} names a file outside of its folder: {file.name}")
            return bytes(onnx.load(file).SerializeToString(deterministic=True))
        except (OSError, ValueError, onnx.checker.ValidationError) as error:
            raise OutsideModelError(f"the ONNX file of {uri} cannot be read: {error}") from error
        except Exception as error:  # protobuf's own classes
            raise OutsideModelError(f"the ONNX file of {uri} is none: {error}") from error
