"""The demonstration's data: 1,797 handwritten digits of 8 by 8 pixels, which ship with scikit-learn.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository, 1998.
"""

from __future__ import annotations

import csv
import io
import random
from typing import Any

TARGET = "digit"
FIRST = 150
"""How many digits the first version learns from."""
SECOND = 1_100
"""How many the second file brings. The rest is what the model is asked about."""


class Digits:
    """The digits, mixed: as they come, each stretch is a few people's, and their hands drift.

    Labelled predictions come back as rows to train on, so what is asked after a retraining (`asked_later`)
    was never asked before it (`asked`).
    """

    def __init__(self) -> None:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        self.names = [f"p{row}{column}" for row in range(8) for column in range(8)]
        order = random.Random(0).sample(range(len(bunch.target)), len(bunch.target))  # noqa: S311
        self._images = bunch.data.astype(int)[order].tolist()
        self._labels = bunch.target.astype(int)[order].tolist()
        rest = range(FIRST + SECOND, len(self._labels))
        half = len(rest) // 2
        self.asked, self.asked_later = rest[:half], rest[half:]

    def file(self, rows: range) -> bytes:
        """Return some of the digits as a CSV file with their labels."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow([*self.names, TARGET])
        writer.writerows([*self._images[row], self._labels[row]] for row in rows)
        return text.getvalue().encode()

    def question(self, row: int, *, negative: bool) -> dict[str, Any]:
        """Return a digit's pixels by name; as a negative, ink is white and paper black."""
        pixels = [16 - value for value in self._images[row]] if negative else self._images[row]
        return dict(zip(self.names, pixels, strict=True))

    def truth(self, row: int) -> int:
        """Return which digit it is."""
        return int(self._labels[row])
