"""Components of the model's way: experiment, select, refit, evaluate, export."""

from typing import List  # noqa: UP035  (kfp puts this name in the component's own module)

from kfp import dsl

from pipelines.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def experiment(
    index: str,
    output: str,
    attempt: str,
    prepared: dsl.Input[dsl.Dataset],
    measured: dsl.Output[dsl.Artifact],
) -> None:
    """Measure one item of the plan by cross-validation."""
    from pathlib import Path

    from pipelines.components.step import logged_step
    from pipelines.steps.experiment import experiment as step
    from pipelines.steps.files import write_json

    with logged_step(f"experiment {index}", output, attempt):
        write_json(Path(measured.path), step(Path(prepared.path), int(index)))


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def select(
    measured: dsl.Input[List[dsl.Artifact]],  # noqa: UP006
    metric: str,
    output: str,
    attempt: str,
    selected: dsl.Output[dsl.Artifact],
) -> None:
    """Choose the best of all experiments."""
    from pathlib import Path

    from pipelines.components.step import logged_step
    from pipelines.steps.files import read_json, write_json
    from pipelines.steps.select import select as step

    with logged_step("select", output, attempt):
        every = [result for item in measured for result in read_json(Path(item.path))]
        write_json(Path(selected.path), {"chosen": step(every, metric), "experiments": every})


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def refit(
    output: str,
    attempt: str,
    prepared: dsl.Input[dsl.Dataset],
    selected: dsl.Input[dsl.Artifact],
    refitted: dsl.Output[dsl.Model],
) -> None:
    """Choose the window, and fit the best estimator to it; write it as skops and ONNX."""
    from pathlib import Path

    from pipelines.components.step import logged_step
    from pipelines.steps.files import read_json
    from pipelines.steps.refit import refit as step

    with logged_step("refit", output, attempt):
        found = read_json(Path(selected.path))
        step(Path(prepared.path), found["chosen"], found["experiments"], Path(refitted.path))


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def evaluate(
    output: str,
    attempt: str,
    prepared: dsl.Input[dsl.Dataset],
    refitted: dsl.Input[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    evaluated: dsl.Output[dsl.Artifact],
) -> None:
    """Score the holdout."""
    from pathlib import Path

    from pipelines.components.step import logged_step
    from pipelines.steps.evaluate import evaluate as step

    with logged_step("evaluate", output, attempt):
        found = step(Path(prepared.path), Path(refitted.path), Path(evaluated.path))
        for name, value in found["metrics"].items():
            metrics.log_metric(name, value)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def export(
    started: str,
    output: str,
    attempt: str,
    extracted: dsl.Input[dsl.Dataset],
    prepared: dsl.Input[dsl.Dataset],
    selected: dsl.Input[dsl.Artifact],
    refitted: dsl.Input[dsl.Model],
    evaluated: dsl.Input[dsl.Artifact],
) -> None:
    """Check parity and write the version's files, the card last."""
    from datetime import UTC, datetime
    from pathlib import Path

    from pipelines.components.step import logged_step, open_store
    from pipelines.steps.export import export as step
    from pipelines.steps.files import read_json

    artifacts = {
        "extracted": extracted,
        "prepared": prepared,
        "refitted": refitted,
        "evaluated": evaluated,
    }
    with logged_step("export", output, attempt):
        step(
            open_store(),
            {name: Path(artifact.path) for name, artifact in artifacts.items()},
            read_json(Path(selected.path))["experiments"],
            started=datetime.fromisoformat(started),
            now=datetime.now(UTC),
        )
