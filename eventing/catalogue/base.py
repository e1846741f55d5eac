"""What every payload is made of."""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ModelName = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")]
MAX_COUNT = 2**31 - 1
"""What the state's columns of numbers hold on every database."""

Version = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Share = Annotated[float, Field(ge=0, le=1)]


class Payload(BaseModel):
    """The base of every payload. Fields that a newer emitter added are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class OutsidePayload(Payload):
    """A payload that people and other systems write: an unknown field is an error, so a typo is seen."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Claim(Payload):
    """What is too large for an event: where it lies in the object store, and its digest (claim check)."""

    uri: str
    sha256: Sha256

    @classmethod
    def of(cls, uri: str, content: bytes) -> Claim:
        """Return the claim to some content at an address, whether it has been put there or not."""
        return cls(uri=uri, sha256=hashlib.sha256(content).hexdigest())


class Problem(Payload):
    """One thing wrong in something a person wrote."""

    where: str
    problem: str
    fix: str = ""
