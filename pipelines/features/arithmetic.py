"""Computes a parsed expression over columns of numbers. Only what evaluates one needs numpy."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "log": np.log,
    "log1p": np.log1p,
    "exp": np.exp,
    "floor": np.floor,
    "min": np.minimum,
    "max": np.maximum,
    "coalesce": lambda first, second: np.where(np.isnan(first), second, first),
}
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


def compute(tree: ast.expr, columns: Mapping[str, Any]) -> Numbers:
    """Compute an expression whose names are all columns; what is missing or infinite comes out as NaN."""
    numbers = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    length = np.broadcast_shapes(*(each.shape for each in numbers.values())) if numbers else ()
    with np.errstate(all="ignore"):
        found = np.array(np.broadcast_to(_evaluate(tree, numbers), length), dtype=np.float64)
    found[~np.isfinite(found)] = np.nan
    return found


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
            return _FUNCTIONS[name](*(_evaluate(each, columns) for each in args))
    raise AssertionError(node)  # no parsed expression has anything else
