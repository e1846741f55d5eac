"""Short text: counts of hashed words, or of hashed character runs where the text is codes, not words."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pipelines.encoding.categories import label_of
from pipelines.encoding.columns import Matrix, Values

_WORD = re.compile(r"\w+")
LONGEST = 4_096  # characters of one text that are read; it is "short text", and this bounds a request's cost


@dataclass(frozen=True)
class HashedText:
    """`width` buckets of log(1 + count); `gram` is 0 for words, else the length of the character runs.

    The hash is CRC-32 of the UTF-8 bytes: the same in every process and version. Missing text is all zeros.
    """

    method: ClassVar[str] = "hashed_text"
    width: int
    gram: int = 0

    def encode(self, values: Values) -> Matrix:
        """Return [N, width]."""
        block = np.zeros((len(values), self.width), dtype=np.float32)
        buckets: dict[str, int] = {}
        for row, value in enumerate(values):
            text = label_of(row, value)
            if text is None:
                continue
            counts: dict[int, int] = {}
            for token in tokens(text, self.gram):
                bucket = buckets.get(token)
                if bucket is None:
                    bucket = buckets[token] = zlib.crc32(token.encode("utf-8", "surrogatepass")) % self.width
                counts[bucket] = counts.get(bucket, 0) + 1
            for bucket, count in counts.items():
                block[row, bucket] = math.log1p(count)
        return block

    def params(self) -> dict[str, Any]:
        """Return width and gram."""
        return {"width": self.width, "gram": self.gram}


def tokens(text: str, gram: int) -> Iterable[str]:
    """Yield the lower-cased words of a text, or its runs of `gram` characters."""
    lowered = text[:LONGEST].casefold()
    if gram == 0:
        return (match.group() for match in _WORD.finditer(lowered))
    return (lowered[start : start + gram] for start in range(max(1, len(lowered) - gram + 1)))
