"""The grammar of CESQL, by precedence climbing. CESQL 1.0, section 2 and its CESQLParser grammar."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from knative.local.broker.filters.cesql.functions import find_function
from knative.local.broker.filters.cesql.nodes import (
    COMPARISONS,
    PRODUCTS,
    SUMS,
    Attribute,
    Call,
    Chain,
    Constant,
    Exists,
    In,
    Like,
    Logic,
    Minus,
    Node,
    Not,
    Operator,
)
from knative.local.broker.filters.cesql.values import LARGEST, SMALLEST, CesqlError, Type

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)|(?P<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|(?P<word>[A-Za-z0-9_]+)"""
    r"""|(?P<mark><>|!=|<=|>=|[=<>+\-*/%(),])""",
    re.DOTALL,
)
_KEYWORDS = frozenset(("AND", "OR", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE"))
_LOGIC = ("AND", "OR", "XOR")

MAX_LENGTH = 4096
"""Most characters of an expression: each event is matched with it on the thread that takes all events."""

MAX_DEPTH = 32
"""Most levels of parentheses, calls, signs and `NOT`: far fewer than the interpreter's stack takes."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # string, integer, name, keyword, mark, end
    text: str
    at: int


def parse(text: str) -> Node:
    """Parse an expression.

    Raises:
        CesqlError: (parse) with the place, or too long or too deep; (missingFunction) a function that there
            is not.
    """
    if len(text) > MAX_LENGTH:
        raise CesqlError(
            "parse", f"the expression has {len(text)} characters; at most {MAX_LENGTH} are taken"
        )
    parser = _Parser(_tokens(text))
    node = parser.expression()
    parser.expect("end", "")
    return node


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise CesqlError("parse", f"{text[at]!r} at position {at} is not understood")
        if found.lastgroup != "space":
            tokens.append(_Token(_kind_of(found.lastgroup or "", found[0]), found[0], at))
        at = found.end()
    return [*tokens, _Token("end", "", at)]


def _kind_of(group: str, text: str) -> str:
    if group != "word":
        return group
    if text.isdigit():
        return "integer"
    return "keyword" if text.upper() in _KEYWORDS else "name"


class _Parser:
    """Reads tokens from left to right; each method reads one level of precedence."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def expression(self) -> Node:
        """Logic, the loosest; it groups from the right, as the specification's grammar does."""
        before: list[tuple[Node, str]] = []
        operand = self._comparison()
        while (token := self._take("keyword", *_LOGIC)) is not None:
            before.append((operand, token.text.upper()))
            operand = self._comparison()
        return Logic(tuple(before), operand) if before else operand

    def expect(self, kind: str, *texts: str) -> _Token:
        """Take a token that must come."""
        token = self._take(kind, *texts)
        if token is None:
            found = self._tokens[self._at]
            wanted = " or ".join(texts) or f"the {kind}"
            raise CesqlError(
                "parse", f"{wanted} is expected at position {found.at}, not {found.text or 'the end'!r}"
            )
        return token

    def _comparison(self) -> Node:
        return self._chain(self._sum, COMPARISONS, "boolean")

    def _sum(self) -> Node:
        return self._chain(self._product, SUMS, "integer")

    def _product(self) -> Node:
        return self._chain(self._predicate, PRODUCTS, "integer")

    def _chain(self, level: Callable[[], Node], operators: Mapping[str, Operator], type_: Type) -> Node:
        first, rest = level(), []
        while (token := self._take("mark", *operators)) is not None:
            rest.append((operators[token.text], level()))
        return Chain(first, tuple(rest), type_) if rest else first

    def _predicate(self) -> Node:
        """Read an operand and any `[NOT] LIKE`, `[NOT] IN` behind it, each a level around it."""
        node, around = self._unary(), self._depth
        while (token := self._peek("keyword", "LIKE", "IN", "NOT")) is not None:
            self._deeper()
            self._at += 1
            negated = token.text.upper() == "NOT"
            word = self.expect("keyword", "LIKE", "IN").text if negated else token.text
            node = self._like(node) if word.upper() == "LIKE" else self._in(node)
            node = Not(node) if negated else node
        self._depth = around
        return node

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            at = self._tokens[self._at].at
            raise CesqlError("parse", f"more than {MAX_DEPTH} levels are nested at position {at}")

    def _like(self, operand: Node) -> Node:
        return Like(operand, _pattern(_unquoted(self.expect("string").text)))

    def _in(self, operand: Node) -> Node:
        self.expect("mark", "(")
        elements = [self.expression()]
        while self._take("mark", ","):
            elements.append(self.expression())
        self.expect("mark", ")")
        return In(operand, tuple(elements))

    def _unary(self) -> Node:
        self._deeper()
        node = self._signed()
        self._depth -= 1
        return node

    def _signed(self) -> Node:
        if self._take("keyword", "NOT"):
            return Not(self._unary())
        sign = self._take("mark", "-", "+")
        if sign is None:
            return self._atom()
        number = self._take("integer")
        if number is not None:
            return _integer(sign.text + number.text)
        if sign.text == "+":
            raise CesqlError("parse", f"a number is expected after '+' at position {sign.at}")
        return Minus(self._unary())

    def _atom(self) -> Node:
        token = self._tokens[self._at]
        self._at += 1
        match token.kind, token.text.upper():
            case "string", _:
                return Constant(_unquoted(token.text))
            case "integer", _:
                return _integer(token.text)
            case "keyword", "TRUE" | "FALSE":
                return Constant(token.text.upper() == "TRUE")
            case "keyword", "EXISTS":
                return Exists(_attribute(self.expect("name")))
            case "mark", "(":
                node = self.expression()
                self.expect("mark", ")")
                return node
            case "name", _:
                return self._named(token)
        raise CesqlError("parse", f"{token.text or 'the end'!r} at position {token.at} is not expected there")

    def _named(self, token: _Token) -> Node:
        if not self._take("mark", "("):
            return Attribute(_attribute(token))
        arguments: list[Node] = []
        if not self._take("mark", ")"):
            arguments.append(self.expression())
            while self._take("mark", ","):
                arguments.append(self.expression())
            self.expect("mark", ")")
        return Call(find_function(token.text, len(arguments)), tuple(arguments))

    def _peek(self, kind: str, *texts: str) -> _Token | None:
        token = self._tokens[self._at]
        fits = token.kind == kind and (not texts or token.text.upper() in texts)
        return token if fits else None

    def _take(self, kind: str, *texts: str) -> _Token | None:
        token = self._peek(kind, *texts)
        self._at += token is not None
        return token


def _integer(text: str) -> Node:
    if len(text) > 64 or not SMALLEST <= int(text) <= LARGEST:
        raise CesqlError("parse", f"{text[:64]} does not fit into 32 bits")
    return Constant(int(text))


def _attribute(token: _Token) -> str:
    """Return the attribute that a name stands for, in any case, as the conformance kit has it."""
    if "_" in token.text:
        raise CesqlError("parse", f"{token.text!r} at position {token.at} is no attribute: use a-z and 0-9")
    return token.text.lower()


def _unquoted(text: str) -> str:
    return text[1:-1].replace(f"\\{text[0]}", text[0])


def _pattern(text: str) -> re.Pattern[str]:
    """Compile a LIKE pattern: `%` any text, `_` one character, `\\%` and `\\_` themselves.

    Between two `%` the first match is as good as any later one. Atomic groups never try the later ones, so
    that no text takes long.
    """
    pieces = [""]
    for part in re.findall(r"\\[%_]|.", text, re.DOTALL):
        if part == "%":
            pieces.append("")
        else:
            pieces[-1] += "." if part == "_" else re.escape(part[-1])
    first, *inner = pieces
    last = f".*{inner.pop()}" if inner else ""
    between = "".join(f"(?>.*?{piece})" for piece in inner if piece)
    return re.compile(first + between + last, re.DOTALL)
