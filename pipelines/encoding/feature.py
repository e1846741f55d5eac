"""A feature: a column's raw values, and the encoder that turns them into numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipelines.encoding.columns import Boolean, CentredNumber, Encoder, Matrix, Number, Values
from pipelines.encoding.errors import BadCell, describe
from pipelines.encoding.times import to_datetimes
from pipelines.encoding.unused import Unused
from pipelines.values.form import PLAIN, Form
from pipelines.values.missing import LABELS, means_missing
from pipelines.values.reading import NotRead, has_text, read_value


@dataclass(frozen=True)
class Feature:
    """A named raw value of a row.

    `kind` is the data schema's kind of the column, `form` how the training data wrote its values.
    """

    name: str
    kind: str
    encoder: Encoder
    form: Form = PLAIN

    @property
    def used(self) -> bool:
        """Whether the model reads it; what it does not read may be left out of a request."""
        return not isinstance(self.encoder, Unused)

    @property
    def plain(self) -> bool:
        """Whether the raw value already is the number the model takes."""
        return isinstance(self.encoder, Number | Boolean)

    @property
    def numeric(self) -> bool:
        """Whether the raw value may be given as a number: it is one, or a boolean, or is not read."""
        return self.plain or isinstance(self.encoder, CentredNumber) or not self.used

    def encode(self, values: Values) -> Matrix:
        """Encode raw values [N] to [N, width]; texts are read as ingesting read the training data.

        Raises: BadCell at the first value that is none of the kind.
        """
        if self.kind == "datetime" and self.form is not PLAIN:
            return self.encoder.encode(to_datetimes(values, self.form))
        if self.kind in LABELS and self.form.missing is not None:
            return self.encoder.encode([self._known(value) for value in values])
        try:
            return self.encoder.encode(values)
        except BadCell:
            if not self.numeric or not has_text(values):
                raise
        return self.encoder.encode([self._read(row, value) for row, value in enumerate(values)])

    @property
    def _expected(self) -> str:
        return Boolean.expected if self.kind == "boolean" else "a number or null"

    def _known(self, value: Any) -> Any:
        missing = isinstance(value, str) and means_missing(value.strip(), self.kind, self.form)
        return None if missing else value

    def _read(self, row: int, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return read_value(value, self.kind, self.form)
        except NotRead as error:
            raise BadCell(row, describe(value), self._expected) from error

    def form_json(self) -> dict[str, Any]:
        """Return the form as a key of the feature's JSON; nothing where it is an ordinary one."""
        form = self.form.to_json()
        return {"form": form} if form else {}
