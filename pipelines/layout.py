"""Where the files of a model version lie, and the columns that it adds to rows of data."""

from __future__ import annotations

ONNX = "model.onnx"
JUDGED = "judged.onnx"
"""The model as it was before it learnt from its holdout too: what was measured there, and what the gate asks.
Only where rows have an order of time."""
SKOPS = "model.skops"
CARD = "card.json"
REFERENCE = "reference.parquet"
HOLDOUT = "holdout.parquet"
METRICS = "metrics.json"
ENVIRONMENT = "environment.txt"
MLSERVER = "model-settings.json"
"""Tells MLServer, and so Seldon Core 2, what serves the folder."""

ROW = "__row__"
"""In the holdout that was not divided by time: the hash that tells on which side a row is (`steps.split`). It
counts the equal rows before it, which the holdout alone does not tell."""

PLACE = "__place__"
"""In the holdout: how many rows of the dataset came before the row. By it a version that was divided in order
of arrival knows what it was trained on."""

SCORE = "__score__"
"""In the reference data, of the holdout's rows: the probability of the second of two classes, or of the
predicted one of more, or the predicted number. Rows that the model was fitted to have none: of those it is
surer than it will be of any."""


def folder_of(model: str, version: int) -> str:
    """Return the address under which a version's run writes its files."""
    return f"s3://models/{model}/v{version}/"
