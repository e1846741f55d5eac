"""What a training run is asked to do: the parameters that every launcher gives, and every pipeline takes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eventing.catalogue import Claim, OutsideModel, OwnCode, TrainingApproved


@dataclass(frozen=True)
class RunRequest:
    """A training run: its inputs by claim, and `output`, the address under which the version is written.

    With `registered` it trains nothing: the version is that model. `code` is what train.code and
    train.requirements of the spec name.
    """

    model: str
    version: int
    run_id: str
    dataset: Claim
    spec: Claim
    data_schema: Claim
    output: str
    seed: int
    registered: OutsideModel | None = None
    code: OwnCode | None = None

    @classmethod
    def of(cls, approved: TrainingApproved) -> RunRequest:
        """Read the request out of the governor's event."""
        return cls(
            model=approved.model,
            version=approved.version,
            run_id=approved.run_id,
            dataset=approved.dataset,
            spec=approved.spec,
            data_schema=approved.data_schema,
            output=approved.output.rstrip("/"),
            seed=approved.seed,
            registered=approved.registered,
            code=approved.code,
        )

    def to_parameters(self) -> dict[str, Any]:
        """Return the request as pipeline parameters, plain values by name."""
        registered = "" if self.registered is None else self.registered.model_dump_json()
        return {
            "model": self.model,
            "version": self.version,
            "run_id": self.run_id,
            "dataset_uri": self.dataset.uri,
            "dataset_sha256": self.dataset.sha256,
            "spec_uri": self.spec.uri,
            "spec_sha256": self.spec.sha256,
            "schema_uri": self.data_schema.uri,
            "schema_sha256": self.data_schema.sha256,
            "output": self.output,
            "seed": self.seed,
            # In base64, as Kubeflow fills in what looks like a template, such as `{{workflow.uid}}`.
            "registered": base64.b64encode(registered.encode()).decode(),
            "code": self.code.model_dump_json() if self.code else "",
        }

    @classmethod
    def from_parameters(cls, given: Mapping[str, Any]) -> RunRequest:
        """Read back what `to_parameters` wrote; one of an earlier release has no `registered`."""
        registered = base64.b64decode(given.get("registered") or "")
        return cls(
            model=given["model"],
            version=int(given["version"]),
            run_id=given["run_id"],
            dataset=Claim(uri=given["dataset_uri"], sha256=given["dataset_sha256"]),
            spec=Claim(uri=given["spec_uri"], sha256=given["spec_sha256"]),
            data_schema=Claim(uri=given["schema_uri"], sha256=given["schema_sha256"]),
            output=given["output"],
            seed=int(given["seed"]),
            registered=OutsideModel.model_validate_json(registered) if registered else None,
            code=OwnCode.model_validate_json(given["code"]) if given.get("code") else None,
        )
