"""The code that a model.yaml names: read, looked over and kept when the model.yaml is taken in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from eventing.catalogue import Claim, OwnCode, Problem
from eventing.store import ObjectMissing, RequestRefused, Store
from functions.data_files.object_keys import RAW
from pipelines.own_code.permission import refuse_code
from pipelines.own_code.source import MAX_BYTES, fault_of
from pipelines.spec import ModelSpec


@dataclass
class CodeReader:
    """A check of a model.yaml that keeps what it has read. `allowed`: code of the bucket may run."""

    store: Store
    allowed: bool
    found: dict[str, bytes] = field(default_factory=dict)

    def check(self, spec: ModelSpec) -> Iterable[Problem]:
        """Yield what is wrong with the code that a spec names. Raises: StoreUnavailable."""
        if not self.allowed:
            yield from refuse_code(spec)
            return
        for key, uri in files_of(spec).items():
            yield from self._read(spec, key, uri)

    def keep(self, spec: ModelSpec) -> OwnCode | None:
        """Write immutable copies of what `check` has read; None where the spec names no code."""
        claims = {key: self._keep(spec.model, key, uri) for key, uri in files_of(spec).items()}
        return OwnCode(train=claims["code"], requirements=claims.get("requirements")) if claims else None

    def _keep(self, model: str, key: str, uri: str) -> Claim:
        raw = self.found[key]
        digest = Claim.of(uri, raw).sha256
        return self.store.put(f"s3://models/{model}/code/{digest}/{PurePosixPath(uri).name}", raw)

    def _read(self, spec: ModelSpec, key: str, uri: str) -> Iterator[Problem]:
        name = PurePosixPath(uri).name
        try:
            with self.store.open(uri) as stream:
                raw = stream.read(MAX_BYTES + 1)
        except ObjectMissing:
            inside = uri.startswith(f"s3://{RAW}/{spec.model}/")
            again = "; model.yaml need not be dropped again" if inside else ", and drop model.yaml again"
            yield Problem(where=f"train.{key}", problem=f"{uri} is not there", fix=f"put {name} there{again}")
            return
        except RequestRefused as error:
            yield Problem(where=f"train.{key}", problem=str(error), fix="name a file that Kascade may read")
            return
        fault = _FAULTS[key](raw, name)
        if fault is not None:
            yield Problem(where=f"train.{key}", problem=fault[0], fix=fault[1])
        self.found[key] = raw


def files_of(spec: ModelSpec) -> dict[str, str]:
    """Return the addresses of the files that a spec's code is in, by key of `train`."""
    named = {"code": spec.train.code, "requirements": spec.train.requirements if spec.train.code else None}
    return {
        key: name if name.startswith("s3://") else f"s3://{RAW}/{spec.model}/{name}"
        for key, name in named.items()
        if name is not None
    }


def _fault_of_requirements(raw: bytes, name: str) -> tuple[str, str] | None:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return f"{name} is no UTF-8 text: {error.reason}", "save the file as UTF-8"
    if len(raw) > MAX_BYTES:
        return f"{name} has more than {MAX_BYTES} bytes", "is it another file by mistake?"
    return None


_FAULTS: dict[str, Callable[[bytes, str], tuple[str, str] | None]] = {
    "code": fault_of,
    "requirements": _fault_of_requirements,
}
