"""What serve_model raises, and the HTTP status each error answers with.

ServingError
├── BadRequest         400: the body is not what the protocol or the model takes
├── Unauthorized       401: nobody's token is shown, and one is asked for
├── Forbidden          403: the token is not for this
├── NotFound           404: no such path, model or version
├── MethodNotAllowed   405: the path takes another method
├── TooLarge           413: the body or the number of rows exceeds the setting
├── UnsupportedMedia   415: the body's content type or encoding is not read here
├── TooMany            429: others wait already for what takes long
├── Refused            422: a CloudEvent that is well formed and will never be answered
├── FeatureMissing     422: a feature of an entity is missing or stale, and the model is to refuse that
└── FeaturesAway       503: features cannot be looked up now, and the model is to refuse that
NoFeatures             the feature server does not give what it was asked for
ModelUnavailable       the process cannot start: the model cannot be fetched or read
├── StoreAway          the object store does not answer: a later start may find it
└── DigestMismatch     what was fetched is not what MODEL_SHA256 names
"""

from __future__ import annotations

from typing import ClassVar


class ServingError(Exception):
    """The base of every answer that is no prediction; its text becomes `{"error": ...}`."""

    status: ClassVar[int] = 500


class BadRequest(ServingError):
    """The body is not what the protocol or the model takes."""

    status = 400


class Unauthorized(ServingError):
    """Tokens are asked for, and the request shows none that is known."""

    status = 401


class Forbidden(ServingError):
    """The token that is shown is for something else."""

    status = 403


class NotFound(ServingError):
    """There is no such path, model or version here."""

    status = 404


class MethodNotAllowed(ServingError):
    """The path exists, with another method: `allowed` names it."""

    status = 405

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class TooLarge(ServingError):
    """The body or the number of rows exceeds the limit; the message names the setting."""

    status = 413


class UnsupportedMedia(ServingError):
    """The body's content type or content encoding is not read here."""

    status = 415


class TooMany(ServingError):
    """Others wait already for what takes long; the same request may be answered later."""

    status = 429


class Refused(ServingError):
    """A well-formed CloudEvent that is refused for good."""

    status = 422


class FeatureMissing(ServingError):
    """The feature store has no fresh value of an entity's feature, and the model's policy is to refuse."""

    status = 422


class FeaturesAway(ServingError):
    """Features cannot be looked up; asking again later may help."""

    status = 503
    retry_after_s: ClassVar[int] = 1


class NoFeatures(Exception):
    """The feature server gave no values: `outcome` names the kind of failure, as the metrics count it."""

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


class ModelUnavailable(Exception):
    """The model cannot be fetched or read, so the process must not start to serve."""


class StoreAway(ModelUnavailable):
    """The object store does not answer, or is not ready."""


class DigestMismatch(ModelUnavailable):
    """The bytes at `uri` are not those that MODEL_SHA256 names."""

    def __init__(self, uri: str, expected: str, actual: str) -> None:
        super().__init__(
            f"the digest of {uri} is {actual}, expected {expected}: it is not the approved model"
        )
        self.uri = uri
        self.expected = expected
        self.actual = actual
