"""Names every module that defines tables, so that the metadata is complete."""

from __future__ import annotations

from functions.state import (  # noqa: F401 - imported for their tables
    datasets,
    drift,
    features,
    governor,
    handled,
    inferences,
    judges,
    labels,
    launches,
    ledger,
    notifications,
    objects,
    pools,
    rollouts,
    runs,
    specs,
    timers,
    versions,
)
from functions.state.database import Base

METADATA = Base.metadata
