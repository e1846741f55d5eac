"""Which predictions are asked for their label at random: `labels.randomised` of model.yaml.

A hash of the prediction's id decides, so whoever knows the id and the share knows it: the server that says so
in its answer, and the judge that relies on it. It hangs on nothing that was asked or answered. With a larger
share those of a smaller one are asked as well.
"""

from __future__ import annotations

import hashlib

_WHOLE = 1 << 64


def is_asked(prediction_id: str, share: float) -> bool:
    """Say whether a label is asked for at random, whatever was answered."""
    digest = hashlib.sha256(f"label\x1f{prediction_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * _WHOLE
