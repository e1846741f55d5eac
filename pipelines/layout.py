"""The files of a model version, and the column of scores in its reference data."""

from __future__ import annotations

ONNX = "model.onnx"
SKOPS = "model.skops"
CARD = "card.json"
REFERENCE = "reference.parquet"
HOLDOUT = "holdout.parquet"
METRICS = "metrics.json"
ENVIRONMENT = "environment.txt"

SCORE = "__score__"
"""In the reference data, of the holdout's rows: the probability of the second of two classes, or of the
predicted one of more, or the predicted number. Rows that the model was fitted to have none: of those it is
surer than it will be of any."""
