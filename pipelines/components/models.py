"""Components of the model's way: experiment, select, refit, evaluate, export."""

from typing import List  # noqa: UP035  (kfp puts this name in the component's own module)

from kfp import dsl

from pipelines.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def experiment(index: str, output: str, attempt: str, prepared: dsl.Input[dsl.Dataset]) -> str:
    """Measure one item of the plan by cross-validation; return its results as JSON."""
    import json
    from pathlib import Path

    from pipelines.components.doing import doing
    from pipelines.steps.experiment import experiment as step

    with doing(f"experiment {index}", output, attempt):
        return json.dumps(step(Path(prepared.path), int(index)))


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def select(results: List[str], metric: str, output: str, attempt: str) -> str:  # noqa: UP006
    """Return the best of all experiments, and all of them, as JSON."""
    import json

    from pipelines.components.doing import doing
    from pipelines.steps.select import select as step

    with doing("select", output, attempt):
        every = [result for item in results for result in json.loads(item)]
        return json.dumps({"chosen": step(every, metric), "experiments": every})


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def refit(
    selected: str,
    output: str,
    attempt: str,
    prepared: dsl.Input[dsl.Dataset],
    refitted: dsl.Output[dsl.Model],
) -> None:
    """Fit the chosen estimator on all training rows; write it as skops and ONNX."""
    import json
    from pathlib import Path

    from pipelines.components.doing import doing
    from pipelines.steps.refit import refit as step

    with doing("refit", output, attempt):
        step(Path(prepared.path), json.loads(selected)["chosen"], Path(refitted.path))


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

    from pipelines.components.doing import doing
    from pipelines.steps.evaluate import evaluate as step

    with doing("evaluate", output, attempt):
        found = step(Path(prepared.path), Path(refitted.path), Path(evaluated.path))
        for name, value in found["metrics"].items():
            metrics.log_metric(name, value)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def export(
    selected: str,
    started: str,
    output: str,
    attempt: str,
    extracted: dsl.Input[dsl.Dataset],
    prepared: dsl.Input[dsl.Dataset],
    refitted: dsl.Input[dsl.Model],
    evaluated: dsl.Input[dsl.Artifact],
) -> None:
    """Check parity and write the version's files, the card last."""
    import json
    from datetime import UTC, datetime
    from pathlib import Path

    from pipelines.components.doing import doing, open_store
    from pipelines.steps.export import export as step

    artifacts = {
        "extracted": extracted,
        "prepared": prepared,
        "refitted": refitted,
        "evaluated": evaluated,
    }
    with doing("export", output, attempt):
        step(
            open_store(),
            {name: Path(artifact.path) for name, artifact in artifacts.items()},
            json.loads(selected)["experiments"],
            started=datetime.fromisoformat(started),
            now=datetime.now(UTC),
        )
