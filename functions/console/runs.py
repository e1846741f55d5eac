"""The trainings of a model side by side: what each was chosen from, how good it is, why it failed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from functions.console.history import Row, events_of

LOWER_IS_BETTER = frozenset({"log_loss", "rmse", "mae"})


def runs_of(
    model: Mapping[str, Any], completed: Iterable[Row], failed: Iterable[Row]
) -> tuple[list[Row], list[str]]:
    """Return the newest runs, the newest first, and the metrics that any of them has.

    Args:
        model: as `/models` of record_events describes it.
        completed: `training.completed` as the ledger has them.
        failed: `training.failed`.
    """
    done, undone = _by_run(completed), _by_run(failed)
    governor = model.get("governor") or {}
    under_way = {each["run_id"]: each for each in governor.get("training", ())}
    runs: list[Row] = []
    for run in reversed(governor.get("runs", ())):
        end = done.get(run["run_id"], {})
        experiments = [each for each in end.get("experiments") or () if isinstance(each, Mapping)]
        runs.append(
            {
                **run,
                "progress": under_way.get(run["run_id"]),
                "failure": undone.get(run["run_id"]) if run["outcome"] != "completed" else None,
                "metrics": end.get("metrics") or {},
                "rows": end.get("train_rows"),
                "seconds": end.get("seconds"),
                "metric": end.get("metric"),
                "experiments": experiments,
                "chosen": chosen_of(experiments, end.get("metric")),
            }
        )
    return runs, sorted({name for run in runs for name in run["metrics"]})


def chosen_of(experiments: list[Row], metric: str | None) -> Row | None:
    """Return the experiment with the best mean; the first of equals."""
    measured = [each for each in experiments if isinstance(each.get("mean"), int | float)]
    if not measured:
        return None
    return (min if metric in LOWER_IS_BETTER else max)(measured, key=lambda each: each["mean"])


def _by_run(rows: Iterable[Row]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for event in events_of(rows):
        data = event.get("data")
        if isinstance(data, Mapping):
            found[str(data.get("run_id"))] = {**data, "event": event.get("id")}
    return found
