"""A small language for the fields of an object: honoured, accepted without local effect, or an error."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Problem:
    """What is wrong at `path`, e.g. `spec.template.spec.containers[0].tty`.

    `by_webhook` tells that a webhook of Knative refuses it, in these words; `details` follow on a new line.
    """

    path: str
    message: str
    details: str = ""
    by_webhook: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.details})" if self.details else "")

    def webhook_message(self) -> str:
        """Return the message, the place after it, and the details."""
        return f"{self.message}: {self.path}" + (f"\n{self.details}" if self.details else "")


def denied(path: str, message: str, details: str = "") -> Problem:
    """Return a problem in the words of Knative's webhook."""
    return Problem(path, message, details, by_webhook=True)


def out_of_bounds(path: str, value: object, low: object, high: object) -> Problem:
    """Return the webhook's problem with a value that does not lie between two others."""
    return denied(path, f"expected {low} <= {value} <= {high}")


class Rule(ABC):
    """What may stand at one place of an object."""

    @abstractmethod
    def check(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with `value`."""

    def accepted(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield (path, why) of every field that is accepted without local effect."""
        yield from ()


@dataclass(frozen=True)
class Scalar(Rule):
    """One value of the given types; `test` returns what is wrong with it, or None."""

    types: tuple[type, ...]
    name: str
    test: Callable[[Any], str | None] | None = None

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        wrong = isinstance(value, bool) and bool not in self.types  # booleans are no integers
        if wrong or not isinstance(value, self.types):
            yield Problem(path, f"must be {self.name}, not {value!r}")
        elif self.test is not None and (complaint := self.test(value)):
            yield Problem(path, complaint)


@dataclass(frozen=True)
class Accepted(Rule):
    """Anything: read by Kubernetes or Knative, without effect on one machine; `why` says so in the docs."""

    why: str

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        yield from ()

    def accepted(self, path: str) -> Iterator[tuple[str, str]]:
        yield path, self.why


@dataclass(frozen=True)
class Unsupported(Rule):
    """A field of Kubernetes that would change what runs, and that the runtime cannot honour."""

    why: str

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        if value not in ({}, [], "", False):
            yield Problem(path, f"the local runtime cannot honour this: {self.why}")


@dataclass(frozen=True)
class Items(Rule):
    """A list whose items follow `rule`."""

    rule: Rule
    at_least: int = 0
    at_most: int | None = None
    too_many: str = ""

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield Problem(path, f"must be a list, not {value!r}")
            return
        if len(value) < self.at_least:
            yield Problem(path, f"needs at least {self.at_least} item(s)")
        if self.at_most is not None and len(value) > self.at_most:
            yield Problem(path, self.too_many or f"may have at most {self.at_most} item(s)")
        for index, item in enumerate(value):
            yield from self.rule.check(item, f"{path}[{index}]")

    def accepted(self, path: str) -> Iterator[tuple[str, str]]:
        yield from self.rule.accepted(f"{path}[]")


@dataclass(frozen=True)
class Mapped(Rule):
    """A mapping from any string to values following `rule`; `test` sees each (key, value)."""

    rule: Rule
    test: Callable[[str, Any], str | None] | None = None

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(path, f"must be a mapping, not {value!r}")
            return
        for key, item in value.items():
            place = f"{path}[{key}]"
            if not isinstance(key, str):
                yield Problem(place, "keys must be strings")
                continue
            yield from self.rule.check(item, place)
            if self.test is not None and (complaint := self.test(key, item)):
                yield Problem(place, complaint)

    def accepted(self, path: str) -> Iterator[tuple[str, str]]:
        yield from self.rule.accepted(f"{path}[]")


Check = Callable[[Mapping[str, Any], str], Iterator[Problem]]


@dataclass(frozen=True)
class Fields(Rule):
    """A mapping with known keys; a null value counts as absent, as it does for Kubernetes."""

    known: Mapping[str, Rule]
    required: tuple[str, ...] = ()
    checks: tuple[Check, ...] = field(default=())

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(path, f"must be a mapping, not {value!r}")
            return
        before = f"{path}." if path else ""
        sound = True
        for key, item in value.items():
            rule = self.known.get(key)
            if rule is None:
                yield Problem(
                    f"{before}{key}", f"the local runtime does not know this field{self._nearest(key)}"
                )
            elif item is not None:
                for problem in rule.check(item, f"{before}{key}"):
                    sound = False
                    yield problem
        for key in self.required:
            if value.get(key) is None:
                sound = False
                yield Problem(f"{before}{key}", "is required")
        if sound:
            for extra in self.checks:
                yield from extra(value, path)

    def accepted(self, path: str) -> Iterator[tuple[str, str]]:
        for key, rule in self.known.items():
            yield from rule.accepted(f"{path}.{key}" if path else key)

    def _nearest(self, key: Any) -> str:
        near = difflib.get_close_matches(str(key), self.known, n=1)
        return f"; did you mean {near[0]}?" if near else ""


def one_of(*words: str) -> Scalar:
    """Return the rule for a string out of `words`."""
    return Scalar((str,), "a string", lambda v: None if v in words else f"must be one of {', '.join(words)}")


def whole(low: int, high: int | None = None) -> Scalar:
    """Return the rule for an integer of at least `low` and at most `high`."""

    def test(value: int) -> str | None:
        if value < low or (high is not None and value > high):
            return f"must be {low} or more" if high is None else f"must lie between {low} and {high}"
        return None

    return Scalar((int,), "an integer", test)


TEXT = Scalar((str,), "a string")
FLAG = Scalar((bool,), "true or false")
NUMBER = Scalar((int, float), "a number")
TEXTS = Mapped(TEXT)
