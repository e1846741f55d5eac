"""What a training asks of the machine that it runs on."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from pipelines.spec.section import Section

Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9./_-]{1,316}$")]
LabelValue = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,63}$")]
EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
SecretKey = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/[A-Za-z0-9._-]{1,253}$")]
QUANTITY = r"[0-9]+(\.[0-9]+)?([KMGT]i?)?"
_FACTORS = {
    "": 1,
    **{unit: 1000**power for power, unit in enumerate("KMGT", 1)},
    **{f"{unit}i": 1024**power for power, unit in enumerate("KMGT", 1)},
}


class Resources(Section):
    """What a training needs; the operator says what it may have."""

    cpu: Annotated[float, Field(gt=0, le=1024)] | None = Field(
        default=None, description="cores", examples=["2"]
    )
    memory: Annotated[str, Field(pattern=rf"^{QUANTITY}$")] | None = Field(
        default=None,
        description="most memory, in bytes or with K, M, G, T, Ki, Mi, Gi or Ti; `code` is ended beyond it",
        examples=["4G"],
    )
    gpu: Annotated[int, Field(ge=1, le=64)] | None = Field(
        default=None, description="NVIDIA GPUs, in Kubeflow", examples=["1"]
    )


def bytes_of(quantity: str) -> int:
    """Return how many bytes an amount of memory is, such as `4G` or `512Mi`."""
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", quantity).groups()  # type: ignore[union-attr]
    return int(float(number) * _FACTORS[unit])
