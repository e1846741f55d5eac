"""Features computed on demand: a small arithmetic of numbers, the same in training and in serving.

    Expression.parse("amount / max(amount_sum_7d, 1)").evaluate({"amount": ..., "amount_sum_7d": ...})

Numbers, names of columns, + - * / % **, parentheses, comparisons (1 or 0), and the functions of `FUNCTIONS`.
A missing value makes the result missing, and so does what has no finite value, such as a division by 0.
"""

from __future__ import annotations

import ast
import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.features.arithmetic import Numbers

FUNCTIONS: Mapping[str, int] = MappingProxyType(
    {
        "abs": 1,
        "sqrt": 1,
        "log": 1,
        "log1p": 1,
        "exp": 1,
        "floor": 1,
        "min": 2,
        "max": 2,
        "coalesce": 2,
    }
)
"""Each function with how many numbers it takes; `coalesce(a, b)` is b where a is missing."""

_OPERATORS = frozenset(
    {
        *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod, ast.Pow, ast.UAdd, ast.USub),
        *(ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq),
    }
)
_MAX_DEPTH = 30


class ExpressionError(ValueError):
    """The text is no expression; the message says what in it is not, and what would be."""


@dataclass(frozen=True)
class Expression:
    """An expression, read and found to be one.

    Attributes:
        names: the columns it needs, in the order in which they stand.
    """

    text: str
    names: tuple[str, ...]
    _tree: ast.expr = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Read an expression. Raises: ExpressionError."""
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else str(error)
            raise ExpressionError(f"{text!r} is no expression: {reason}") from error
        names: dict[str, None] = {}
        _check(tree, names, 0)
        return cls(text, tuple(names), tree)

    def evaluate(self, columns: Mapping[str, Any]) -> Numbers:
        """Compute it for rows.

        Args:
            columns: by name, each [N] numbers, NaN or None where missing; or one number for all rows.

        Returns: [N] float64, NaN where missing.
        Raises: KeyError: a column is not there.
        """
        from pipelines.features.arithmetic import compute  # who only reads model.yaml has no numpy

        given = {unicodedata.normalize("NFKC", name): name for name in columns}
        return compute(self._tree, {name: columns[given[name]] for name in self.names})


def _check(node: ast.AST, names: dict[str, None], depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ExpressionError("an expression nested less deep")
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            if not abs(node.value) < 10**300:  # type: ignore[arg-type]
                raise ExpressionError("a smaller number")
        case ast.Name():
            names[node.id] = None
        case ast.BinOp() | ast.UnaryOp() if type(node.op) in _OPERATORS:
            pass
        case ast.Compare() if len(node.ops) == 1 and type(node.ops[0]) in _OPERATORS:
            pass
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            _check_call(name, len(node.args))
        case _:
            raise ExpressionError(
                f"{ast.unparse(node)[:60]!r}: numbers, columns, + - * / % **, a comparison, "
                f"and {', '.join(FUNCTIONS)} are what may stand here"
            )
    for part in _parts(node):
        _check(part, names, depth + 1)


def _parts(node: ast.AST) -> Sequence[ast.expr]:
    match node:
        case ast.BinOp(left=left, right=right) | ast.Compare(left=left, comparators=[right]):
            return (left, right)
        case ast.UnaryOp(operand=operand):
            return (operand,)
        case ast.Call(args=args):
            return args
    return ()


def _check_call(name: str, given: int) -> None:
    if name not in FUNCTIONS:
        near = difflib.get_close_matches(name, FUNCTIONS, n=1, cutoff=0.0)[0]
        known = ", ".join(FUNCTIONS)
        raise ExpressionError(f"there is no function {name}(); did you mean {near}()? there are {known}")
    if given != FUNCTIONS[name]:
        raise ExpressionError(f"{name}() takes {FUNCTIONS[name]}, not {given}")
