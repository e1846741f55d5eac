"""Names of an encoding's columns, for people and for code that gets them as a table."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines.encoding.categories import OneHot
from pipelines.encoding.encoding import Encoding
from pipelines.encoding.feature import Feature
from pipelines.encoding.times import Datetime, DatetimeSince

_REFUSED = re.compile(r'[\[\]<>{}",:]')
"""Characters that XGBoost or LightGBM take in no column's name."""


def column_names(encoding: Encoding) -> list[str]:
    """Return a name for each column, no two the same: `amount`, `country=nl`, `since.days`."""
    names: dict[str, None] = {}
    for feature in encoding.features:
        for given in _of(feature):
            name, number = _REFUSED.sub("_", given), 1
            plain = name
            while name in names:
                number += 1
                name = f"{plain}#{number}"
            names[name] = None
    return list(names)


def _of(feature: Feature) -> Iterator[str]:
    encoder = feature.encoder
    match encoder:
        case OneHot():
            known = [f"{feature.name}={value}" for value in encoder.values]
            yield from [*known, *([f"{feature.name} missing"] if encoder.missing else [])] or [feature.name]
        case Datetime() | DatetimeSince():
            yield from (f"{feature.name}.{part}" for part in encoder.parts)
        case _ if encoder.width == 1:
            yield feature.name
        case _:
            yield from (f"{feature.name}.{index}" for index in range(encoder.width))
