"""Features computed on demand: a small arithmetic of numbers, the same in training and in serving.

    Expression.parse("amount / max(amount_sum_7d, 1)").evaluate({"amount": ..., "amount_sum_7d": ...})

Numbers, names of columns, + - * / % **, parentheses, comparisons (1 or 0), and the functions of `FUNCTIONS`.
A missing value makes the result missing, and so does what has no finite value, such as a division by 0.
"""

from __future__ import annotations

import ast
import difflib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

FUNCTIONS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "abs": (1, np.abs),
    "sqrt": (1, np.sqrt),
    "log": (1, np.log),
    "log1p": (1, np.log1p),
    "exp": (1, np.exp),
    "floor": (1, np.floor),
    "min": (2, np.minimum),
    "max": (2, np.maximum),
    "coalesce": (2, lambda first, second: np.where(np.isnan(first), second, first)),
}
"""Each function with how many numbers it takes; `coalesce(a, b)` is b where a is missing."""

_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Mod: np.mod,
    ast.Pow: np.float_power,
    ast.UAdd: np.positive,
    ast.USub: np.negative,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
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
        given = {unicodedata.normalize("NFKC", name): name for name in columns}
        numbers = {name: np.asarray(columns[given[name]], dtype=np.float64) for name in self.names}
        length = np.broadcast_shapes(*(each.shape for each in numbers.values())) if numbers else ()
        with np.errstate(all="ignore"):
            found = np.array(np.broadcast_to(_evaluate(self._tree, numbers), length), dtype=np.float64)
        found[~np.isfinite(found)] = np.nan
        return found


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
    if given != FUNCTIONS[name][0]:
        raise ExpressionError(f"{name}() takes {FUNCTIONS[name][0]}, not {given}")


def _evaluate(node: ast.expr, columns: Mapping[str, Numbers]) -> Any:
    match node:
        case ast.Constant(value=value):
            return np.float64(value)  # type: ignore[arg-type]
        case ast.Name(id=name):
            return columns[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_evaluate(left, columns), _evaluate(right, columns))
        case ast.UnaryOp(op=op, operand=operand):
            return _OPERATORS[type(op)](_evaluate(operand, columns))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            first, second = _evaluate(left, columns), _evaluate(right, columns)
            unknown = np.isnan(first) | np.isnan(second)
            return np.where(unknown, np.nan, _OPERATORS[type(op)](first, second))
        case ast.Call(func=ast.Name(id=name), args=args):
            return FUNCTIONS[name][1](*(_evaluate(each, columns) for each in args))
    raise AssertionError(node)  # _check lets nothing else through
