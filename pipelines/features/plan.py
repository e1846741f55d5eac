"""What a server looks up by entity for a model. It travels in model.onnx: a server reads no model.yaml.

Only the standard library is imported here: every cold start of a server pays for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Missing = Literal["null", "default", "refuse"]


@dataclass(frozen=True)
class Key:
    """A column that names an entity; `kind` is that of the feature store's values: 7 is not sent as '7'."""

    name: str
    kind: str


@dataclass(frozen=True)
class LookedUp:
    """A feature that the feature store has.

    Attributes:
        name: the feature's, as the model takes it.
        reference: `<view>:<field>` in the feature store.
        ttl_s: a value whose event is older is stale; None: no value ever is.
        default: what stands for a missing or stale value under the policy `default`.
    """

    name: str
    reference: str
    ttl_s: float | None = None
    default: Any = None


@dataclass(frozen=True)
class LookupPlan:
    """Which features are looked up by which columns, within which time, and what a missing value means.

    `expressions` are computed from the features of a row, looked up or sent, in their order.
    """

    keys: tuple[Key, ...]
    features: tuple[LookedUp, ...]
    expressions: Mapping[str, str] = field(default_factory=dict)
    missing: Missing = "null"
    deadline_s: float = 0.1

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        fields = asdict(self)
        return fields | {"keys": list(fields["keys"]), "features": list(fields["features"])}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> LookupPlan:
        """Read what `to_json` wrote."""
        return cls(
            keys=tuple(Key(**each) for each in document["keys"]),
            features=tuple(LookedUp(**each) for each in document["features"]),
            expressions=dict(document["expressions"]),
            missing=document["missing"],
            deadline_s=document["deadline_s"],
        )
