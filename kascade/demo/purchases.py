"""The data of the story about features: purchases of some customers, and offers that were made to them.

They are made up: whether a purchase is sent back, and whether an offer is taken, hangs on what the customer
spent in the week before, which is in no row.
"""

from __future__ import annotations

import csv
import io
import math
import random
from collections.abc import Sequence
from datetime import datetime, timedelta

CUSTOMERS = 40
PURCHASES, OFFERS = 1_200, 600
DAYS = 60
WEEK = timedelta(days=7)
Purchase = tuple[int, datetime, float]


class Purchases:
    """What customers bought in the sixty days until `now`, and what they were offered."""

    def __init__(self, now: datetime) -> None:
        self._random = random.Random(0)  # noqa: S311 - the same data each time
        self._made: list[Purchase] = sorted(
            (
                (self._customer(), self._moment(now), round(self._random.gammavariate(2, 20), 2))
                for _ in range(PURCHASES)
            ),
            key=lambda each: each[1],
        )
        self._now = now

    def file(self) -> bytes:
        """Return the purchases as CSV, with whether they were sent back."""
        rows = [
            (customer, at.isoformat(), amount, self._word(amount / max(self.spent(customer, at), 1) - 0.5))
            for customer, at, amount in self._made
        ]
        return _csv(("customer", "at", "amount", "returned"), rows)

    def offers(self) -> bytes:
        """Return offers as CSV, with whether they were taken."""
        rows = []
        for _ in range(OFFERS):
            customer, at, discount = self._customer(), self._moment(self._now), self._random.uniform(0, 40)
            taken = self._word((self.spent(customer, at) - 120) / 40 + (discount - 20) / 10)
            rows.append((customer, at.isoformat(), round(discount, 1), taken))
        return _csv(("customer", "at", "discount", "taken"), rows)

    def more(self, customer: int, amounts: Sequence[float], at: datetime) -> bytes:
        """Let a customer buy more, a second after the other up to a moment; return that as CSV."""
        first = at - timedelta(seconds=len(amounts))
        bought = [
            (customer, first + timedelta(seconds=number), amount)
            for number, amount in enumerate(amounts, start=1)
        ]
        self._made += bought
        rows = [(who, moment.isoformat(), amount, "no") for who, moment, amount in bought]
        return _csv(("customer", "at", "amount", "returned"), rows)

    def spent(self, customer: int, at: datetime) -> float:
        """Return what a customer spent in the week before a moment."""
        return sum(
            amount for who, moment, amount in self._made if who == customer and at - WEEK < moment < at
        )

    def known(self, customer: int) -> float:
        """Return what the newest row of the view says: spent in the week up to and with the last purchase."""
        last = max(moment for who, moment, _ in self._made if who == customer)
        return self.spent(customer, last + timedelta(microseconds=1))

    def _customer(self) -> int:
        return self._random.randrange(1, CUSTOMERS + 1)

    def _moment(self, now: datetime) -> datetime:
        ago_s = self._random.uniform(60, DAYS * 86_400)
        return (now - timedelta(seconds=ago_s)).replace(microsecond=0)

    def _word(self, leaning: float) -> str:
        return "yes" if self._random.random() < 1 / (1 + math.exp(-4 * leaning)) else "no"


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()
