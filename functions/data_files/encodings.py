"""Names the encoding of text that is not UTF-8, or declines to."""

from __future__ import annotations

import re

_MAX_CHAOS = 0.1
# What text of other single-byte encodings looks like when it is read as cp1252: letters that no Western
# language but Icelandic has, pairs that no one language has, and signs in the middle of words.
_ELSEWHERE = re.compile(r"[ðþÐÞÝŠšŽžŸ\x80-\x9f]|(?<=[a-zà-ÿ])[¡-¿×÷†‡…‰ƒˆ˜](?=[a-zà-ÿ])", re.IGNORECASE)
_NO_ONE_LANGUAGE = ("øì", "øè", "øò", "øù", "õû")


def guess_encoding(sample: bytes) -> str | None:
    """Say `cp1252` (Latin-1 with Windows' additions) when the bytes read well as that, else None.

    Only Western European text is guessed: a wrong guess among the other single-byte encodings would turn
    every letter into another one without an error, so for those `ingest.encoding` must be set.
    """
    from charset_normalizer import from_bytes  # here: most files are UTF-8 and never need it

    best = from_bytes(sample, cp_isolation=["cp1252"], threshold=_MAX_CHAOS).best()
    if best is None:
        return None
    text = str(best)
    lower = text.lower()
    mixed = any(all(letter in lower for letter in pair) for pair in _NO_ONE_LANGUAGE)
    return None if mixed or _ELSEWHERE.search(text) else "cp1252"
