"""Bearer tokens of people and systems that send events or ask for predictions (RFC 6750).

They are kept as text with a line for each token, `name token scope[,scope…]`, and as digests in memory: no
error, log or repr shows one. Empty lines and those that start with `#` are passed over.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field

EVENTS, PREDICT, ADMIN = "events", "predict", "admin"
"""What a holder may do: send events; ask every model; all of it, and whatever an operator may."""

MIN_LENGTH = 16

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_SCOPE = re.compile(rf"{EVENTS}|{ADMIN}|{PREDICT}(:[a-z]([-a-z0-9]*[a-z0-9])?)?")


@dataclass(frozen=True)
class Holder:
    """Whose token it is, and what it is for."""

    name: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Say whether the token is for `scope`: by name, or as one of all models, or as an operator's."""
        return not self.scopes.isdisjoint((scope, scope.partition(":")[0], ADMIN))


@dataclass(frozen=True)
class Tokens:
    """The tokens that are taken, by their digests, and who holds each."""

    holders: tuple[tuple[bytes, Holder], ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, text: str) -> Tokens:
        """Read the lines.

        Raises:
            ValueError: naming each line that is wrong, and never a token.
        """
        found: dict[bytes, Holder] = {}
        wrong: list[str] = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            parts = line.split()
            problem = _problem(parts)
            if problem is None and _digest(parts[1]) in found:
                problem = f"the token of {parts[0]} stands there twice"
            if problem is not None:
                wrong.append(f"line {number}: {problem}")
            else:
                found[_digest(parts[1])] = Holder(parts[0], frozenset(parts[2].split(",")))
        if wrong:
            raise ValueError("; ".join(wrong))
        return cls(tuple(found.items()))

    def __bool__(self) -> bool:
        """Say whether there is any: without one nobody is asked for one."""
        return bool(self.holders)

    def holder(self, authorization: str | None) -> Holder | None:
        """Return whose token is in the header `Authorization`, or None. The time it takes tells nothing."""
        scheme, _, token = (authorization or "").partition(" ")
        shown = _digest(token.strip()) if scheme.lower() == "bearer" else b""
        found = None
        for digest, holder in self.holders:
            if hmac.compare_digest(digest, shown):
                found = holder
        return found


def _problem(parts: list[str]) -> str | None:
    if len(parts) != 3:
        return "expected: name token scope[,scope…]"
    name, token, scopes = parts
    if not _NAME.fullmatch(name):
        return "the name has other characters than letters, digits and ._@-"
    if len(token) < MIN_LENGTH or not _TOKEN.fullmatch(token):
        return f"the token of {name} is no bearer token of {MIN_LENGTH} characters or more"
    unknown = [scope for scope in scopes.split(",") if not _SCOPE.fullmatch(scope)]
    if unknown:
        return f"{name} has no known scope: expected {EVENTS}, {PREDICT}, {PREDICT}:<model> or {ADMIN}"
    return None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
