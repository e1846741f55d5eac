"""Read what MinIO, or any S3 with webhooks, says about its objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from pydantic import ValidationError

from eventing.catalogue import ObjectRecord
from eventing.json_values import NotJson, load_json

_CONCERNS = ("ObjectCreated:", "ObjectRemoved:")


@dataclass(frozen=True, order=True)
class Hint:
    """Something happened to an object. The store is asked what: a notification may come late, or twice."""

    bucket: str
    key: str


@dataclass(frozen=True)
class Notification:
    """What one request said.

    Attributes:
        hints: the objects it was about, each once.
        problems: what in it could not be understood.
        ignored: how many of its records were about something else, such as an object being read.
    """

    hints: tuple[Hint, ...] = ()
    problems: tuple[str, ...] = ()
    ignored: int = 0


def read_notification(body: bytes) -> Notification:
    """Read a request's body. It never raises: what cannot be understood is listed in `problems`."""
    if not body.strip():
        return Notification()  # MinIO's ping
    try:
        message = load_json(body)
    except NotJson as error:
        return Notification(problems=(f"the body is not JSON: {error}",))
    if not isinstance(message, dict):
        return Notification(problems=("the body is not a JSON object",))
    if message.get("Event") == "s3:TestEvent":
        return Notification(ignored=1)
    records = message.get("Records")
    if not isinstance(records, list):
        return Notification(problems=("there is no list of Records",))
    hints: dict[Hint, None] = {}
    problems: list[str] = []
    ignored = 0
    for index, record in enumerate(records):
        try:
            hint = _hint(record)
        except ValueError as error:
            problems.append(f"Records[{index}]: {error}")
            continue
        if hint is None:
            ignored += 1
        else:
            hints[hint] = None
    return Notification(tuple(hints), tuple(problems), ignored)


def _hint(raw: Any) -> Hint | None:
    try:
        record = ObjectRecord.model_validate(raw)
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())
        raise ValueError("; ".join(wrong)) from error
    if not record.event_name.removeprefix("s3:").startswith(_CONCERNS):
        return None
    try:
        key = unquote_plus(record.s3.object.key, errors="strict")
    except UnicodeDecodeError as error:
        raise ValueError(f"the key is not UTF-8: {error.reason}") from error
    return Hint(record.s3.bucket.name, key)
