"""What is wrong with a train.py, as far as it can be told without running it."""

from __future__ import annotations

import ast

MAX_BYTES = 1 << 20


def fault_of(raw: bytes, name: str) -> tuple[str, str] | None:
    """Return what is wrong and what to do; None: it is Python and has a function `fit`."""
    if len(raw) > MAX_BYTES:
        return (
            f"{name} has more than {MAX_BYTES} bytes",
            "put data and packages elsewhere: train.requirements",
        )
    try:
        tree = ast.parse(raw, name)
    except SyntaxError as error:
        return (
            f"{name}, line {error.lineno}: {type(error).__name__}: {error.msg}",
            f"correct {name} and drop it again",
        )
    except (ValueError, RecursionError, MemoryError) as error:
        return (
            f"{name} cannot be read as Python: {error or type(error).__name__}",
            f"correct {name} and drop it again",
        )
    needed = (
        "write `def fit(frame, target, params, seed):`, which returns a fitted estimator or the bytes of ONNX"
    )
    found = [node for node in ast.walk(tree) if _binds_fit(node)]
    if not found:
        return f"{name} has no function `fit`", needed
    for node in found:
        if isinstance(node, ast.AsyncFunctionDef):
            return f"{name}, line {node.lineno}: `fit` is asynchronous", needed
        if isinstance(node, ast.FunctionDef) and node in tree.body and not _takes_four(node.args):
            return f"{name}, line {node.lineno}: `fit` does not take frame, target, params and seed", needed
    return None


def _binds_fit(node: ast.AST) -> bool:
    match node:
        case (
            ast.FunctionDef(name="fit")
            | ast.AsyncFunctionDef(name="fit")
            | ast.Name(id="fit", ctx=ast.Store())
        ):
            return True
        case ast.ImportFrom(names=names) | ast.Import(names=names):
            return any((each.asname or each.name) in ("fit", "*") for each in names)
        case _:
            return False


def _takes_four(given: ast.arguments) -> bool:
    positional = len(given.posonlyargs) + len(given.args)
    needed = positional - len(given.defaults)
    more = [
        name for name, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None
    ]
    return needed <= 4 and not more and (positional >= 4 or given.vararg is not None)
