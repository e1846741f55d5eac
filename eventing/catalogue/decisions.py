"""What a decision was made from, carried by the event that announces it, so that it can be made again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

from eventing.catalogue.base import Claim, Payload

FORM = 1
"""Raised when a reader of the form before would misread what is recorded."""
MAX_INLINE_BYTES = 8 * 1024
"""Larger inputs go to the object store: an event is small, and what lists events shows it whole."""

T = TypeVar("T")


class DecisionInputs(Payload):
    """Both arguments of `decide(policy, inputs)`, the pure function that made the decision.

    `form` is the version of how they are written. Large `inputs` lie in the file that `claim` names. Whoever
    only acts on the decision need not read them.
    """

    form: int
    policy: dict[str, Any]
    inputs: dict[str, Any] | None = None
    claim: Claim | None = None

    @classmethod
    def of(
        cls, policy: object, inputs: object, put: Callable[[bytes], Claim] | None = None
    ) -> DecisionInputs:
        """Record what a decision is made from.

        Args:
            policy: a pydantic model or a dataclass.
            inputs: the same.
            put: stores what is too large for an event; None: the inputs are always small enough.
        """
        written, facts = _write(policy), _write(inputs)
        raw = json.dumps(facts).encode()
        if put is not None and len(raw) > MAX_INLINE_BYTES:
            return cls(form=FORM, policy=written, claim=put(raw))
        return cls(form=FORM, policy=written, inputs=facts)

    def policy_as(self, policy: type[T]) -> T:
        """Return the policy. Raises: ValueError when it has another form."""
        return _read(policy, self.policy, self.form)

    def inputs_as(self, inputs: type[T], get: Callable[[Claim], bytes]) -> T:
        """Return the inputs, fetched with `get` if they lie in a file.

        Raises:
            ValueError: they have another form.
        """
        found = json.loads(get(self.claim)) if self.claim is not None else self.inputs
        return _read(inputs, found, self.form)


def _write(value: object) -> dict[str, Any]:
    type_: Any = type(value)
    plain = _adapter(type_).dump_python(value, mode="json")
    return {name: _finite(each) for name, each in plain.items()}


def _finite(value: Any) -> Any:
    """Write what JSON has no number for as text, which a float is read from."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _read(type_: type[T], value: Any, form: int) -> T:
    if form != FORM:
        raise ValueError(f"the inputs are recorded in form {form}, this release reads form {FORM}")
    class_: Any = type_
    found: T = _adapter(class_).validate_python(value)
    return found


@cache
def _adapter(type_: Any) -> TypeAdapter[Any]:
    return TypeAdapter(type_)
