"""What every payload is made of, and the registry of event types."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from eventing.times import check_time

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ModelName = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")]
MAX_COUNT = 2**31 - 1
"""What the state's columns of numbers hold on every database."""
MAX_ROWS = 2**63 - 1
"""What its columns of many rows hold."""

Time = Annotated[datetime, AfterValidator(check_time)]
ObjectUri = Annotated[
    str,
    Field(max_length=1200, pattern=r"^s3://[A-Za-z0-9._-]{1,63}/[^\x00]+$"),
]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Rows = Annotated[int, Field(ge=0, le=MAX_ROWS)]
Version = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Share = Annotated[float, Field(ge=0, le=1)]

_TYPE = re.compile(r"[a-z_]+\.[a-z_]+")
_registered: dict[str, type[Payload]] = {}

PREFIX = "dev.kascade."
PAYLOADS = MappingProxyType(_registered)
"""The payload class of each event type. A class is in it because its definition names a `type`."""


def source_of(function: str) -> str:
    """Return the `source` of events emitted by a function: `/kascade/<function>`."""
    return f"/kascade/{function}"


class Payload(BaseModel):
    """The base of every payload, and of its parts. Fields that a newer emitter added are passed over.

    A payload class names its event type: `class WindowClosed(Payload, type="window.closed")`. The constant
    `WindowClosed.type`, the registry, the JSON Schema and docs/events.md derive from the class.

    Attributes:
        type: the event's type, with the prefix `dev.kascade.`.
        subject: the form of the event's subject.
        emitted_by: the functions that emit it; none if it comes from outside alone.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    type: ClassVar[str]
    subject: ClassVar[str]
    emitted_by: ClassVar[tuple[str, ...]]

    def __init_subclass__(
        cls,
        *,
        type: str = "",  # noqa: A002 - the name of the attribute in CloudEvents
        subject: str = "<model>/v<version>",
        emitted_by: tuple[str, ...] = (),
        **config: Any,
    ) -> None:
        """Register a class that names a type. Raises: ValueError: it is malformed, taken or undocumented."""
        super().__init_subclass__(**config)
        if not type:
            return
        if not _TYPE.fullmatch(type):
            raise ValueError(f"{cls.__name__}: type {type!r} is not <noun>.<participle>")
        if PREFIX + type in PAYLOADS:
            raise ValueError(f"{cls.__name__}: {type} is the type of {PAYLOADS[PREFIX + type].__name__}")
        if not cls.__doc__:
            raise ValueError(f"{cls.__name__}: a docstring says what {type} means")
        cls.type, cls.subject, cls.emitted_by = PREFIX + type, subject, emitted_by
        _registered[cls.type] = cls


class OutsidePayload(Payload):
    """A payload that people and other systems write: an unknown field is an error, so a typo is seen."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Claim(Payload):
    """What is too large for an event: where it lies in the object store, and its digest (claim check)."""

    uri: ObjectUri
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
