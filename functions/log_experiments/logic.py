"""What is logged of a training: a run, and one below it for each experiment. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from eventing.catalogue import TrainingCompleted, TrainingFailed
from eventing.event import Event

FUNCTION = "log_experiments"
RUN_ID, EXPERIMENT = "kascade.run_id", "kascade.experiment"
"""The tags by which a run, and an experiment of it, are found again: nothing is logged twice."""

MAX_EXPERIMENTS = 200
_MAX_TAG, _MAX_PARAMETER = 5000, 500


@dataclass(frozen=True)
class Logged:
    """A run as MLflow shall have it.

    Attributes:
        key: the value of the tag by which it is found again.
        steps: values of a metric one after the other, by its name: of each fold.
        failed: it ended without a model.
    """

    key: str
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    steps: Mapping[str, Sequence[float]] = field(default_factory=dict)
    started_ms: int = 0
    ended_ms: int = 0
    failed: bool = False


def run_of(event: Event, payload: TrainingCompleted, card: Mapping[str, Any]) -> Logged:
    """Describe a training that made a version; what a custom pipeline's card lacks is left out."""
    chosen = card.get("chosen") or {}
    tags = {
        **_common(event, payload),
        "kascade.dataset": payload.dataset_digest,
        "kascade.spec": payload.config_digest,
        "kascade.code": payload.code_digest,
        "kascade.model_file": payload.candidate.uri,
        "kascade.model_digest": payload.candidate.sha256,
    }
    if origin := (card.get("registered") or {}).get("origin"):
        tags["kascade.origin"] = origin
    parameters = {
        "estimator": chosen.get("estimator"),
        **(chosen.get("parameters") or {}),
        "seed": card.get("seed"),
        "class_weight": card.get("class_weight"),
        "train_rows": payload.train_rows,
        "features": len(card.get("features") or ()),
    }
    started, ended = _timestamp_ms(card.get("started")), _timestamp_ms(card.get("finished"))
    return Logged(
        key=payload.run_id,
        name=f"{payload.model}/v{payload.version}",
        tags=_tags(tags),
        parameters=_parameters(parameters),
        metrics={**payload.metrics, "train_seconds": payload.seconds},
        steps={"cv_" + _metric(card): chosen.get("folds") or ()},
        started_ms=started or ended or _of(event),
        ended_ms=ended or _of(event),
    )


def experiments_of(payload: TrainingCompleted, card: Mapping[str, Any]) -> list[Logged]:
    """Describe the experiments of a training, at most `MAX_EXPERIMENTS` of them."""
    found = []
    at = _timestamp_ms(card.get("started")) or _timestamp_ms(card.get("finished")) or 0
    for number, each in enumerate((card.get("experiments") or ())[:MAX_EXPERIMENTS]):
        mean, name = each.get("mean"), "cv_" + _metric(card)
        failed = each.get("failed")
        found.append(
            Logged(
                key=str(number),
                name=f"{each.get('estimator')} {number}",
                tags=_tags({"kascade.error": failed} if failed else {}),
                parameters=_parameters(
                    {"estimator": each.get("estimator"), **(each.get("parameters") or {})}
                ),
                metrics={} if mean is None else {f"{name}_mean": mean},
                steps={name: each.get("folds") or ()},
                started_ms=at,
                ended_ms=at + round(1000 * (each.get("seconds") or 0)),
                failed=bool(failed),
            )
        )
    return found


def failure_of(event: Event, payload: TrainingFailed) -> Logged:
    """Describe a training that made no version."""
    failure_tags = {"kascade.step": payload.step, "kascade.error": payload.error, "kascade.fix": payload.fix}
    return Logged(
        key=payload.run_id,
        name=f"{payload.model}/v{payload.version}",
        tags=_tags({**_common(event, payload), **failure_tags}),
        started_ms=_of(event),
        ended_ms=_of(event),
        failed=True,
    )


def _common(event: Event, payload: TrainingCompleted | TrainingFailed) -> dict[str, str]:
    return {
        "kascade.model": payload.model,
        "kascade.version": str(payload.version),
        "kascade.event": event.id,
        "kascade.chain": event.correlation_id,
        "kascade.run_url": payload.run_url or "",
    }


def _metric(card: Mapping[str, Any]) -> str:
    return str((card.get("evaluation") or {}).get("metric") or "metric")


def _tags(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value)[:_MAX_TAG] for name, value in given.items() if value not in (None, "")}


def _parameters(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value)[:_MAX_PARAMETER] for name, value in given.items() if value is not None}


def _timestamp_ms(text: Any) -> int | None:
    try:
        return round(datetime.fromisoformat(str(text)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _of(event: Event) -> int:
    return 0 if event.time is None else round(event.time.timestamp() * 1000)
