"""Reads the parameters of a query; a bad one is answered with what is wrong."""

from __future__ import annotations

from flask import Response, jsonify, request


class Refused(Exception):
    """A request that cannot be answered; `status` and the message are the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def refuse(error: Refused) -> Response:
    """Turn a refusal into an HTTP answer."""
    answer = jsonify({"error": str(error)})
    answer.status_code = error.status
    return answer


def integer(name: str, default: int, *, most: int = 2**62) -> int:
    """Return a whole parameter between 0 and `most`. Raises Refused (400)."""
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise Refused(400, f"{name} must be a whole number from 0 to {most}, not {text!r}")
    return int(text)


def seconds(name: str, *, most: float) -> float:
    """Return a parameter in seconds, cut to `most`; 0 without it. Raises Refused (400)."""
    text = request.args.get(name, "0")
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise Refused(400, f"{name} must be a number of seconds, not {text!r}")
    return min(value, most)
