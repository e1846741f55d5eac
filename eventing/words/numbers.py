"""Numbers, shares and times as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def number(value: float | int) -> str:
    """Return a number with four significant digits, and thousands apart."""
    whole = abs(value) < 1e15 and (abs(value) >= 1000 or value == int(value))
    return f"{value:,.0f}" if whole else f"{value:.4g}"


def share(value: float) -> str:
    """Return a share of one in percent."""
    return f"{100 * value:.3g} %"


def coverage(version: Mapping[str, Any]) -> str:
    """Say which share of a version's mature predictions is labelled (a `VersionFeedback`)."""
    if not version["matured"]:
        return "none mature"
    return f"{share(version['labelled'] / version['matured'])} of {version['matured']} labelled"


def clock(text: str) -> str:
    """Return an ISO 8601 time as this machine's clock shows it; with the date when that is not today."""
    when = datetime.fromisoformat(text)
    when = when.astimezone() if when.tzinfo else when.replace(tzinfo=UTC).astimezone()
    today = datetime.now().astimezone().date()
    return when.strftime("%H:%M:%S" if when.date() == today else "%Y-%m-%d %H:%M:%S")
