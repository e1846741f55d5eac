"""The Kubeflow pipeline that trains a model. It only wires: each component is a step of `pipelines.steps`."""

from kfp import dsl

from pipelines.components.announce import announce
from pipelines.components.data import check, extract, features
from pipelines.components.models import evaluate, experiment, export, refit, select


@dsl.pipeline(name="kascade-training", description="Train, compare, evaluate and export one model version.")
def training(
    model: str,
    version: int,
    run_id: str,
    dataset_uri: str,
    dataset_sha256: str,
    spec_uri: str,
    spec_sha256: str,
    schema_uri: str,
    schema_sha256: str,
    output: str,
    attempt: str,
    cause: str,
    started: str,
    seed: int = 0,
    registered: str = "",
    code: str = "",
    last: bool = True,
) -> None:
    """Train one version of a model.

    1. extract: read the dataset's parts, digests verified, as far as the window reaches
    2. check: enough rows, a target that can be learnt; task, classes, metric
    3. features: keep the holdout aside, learn the encoding, plan the experiments
    4. experiment, in parallel: one candidate's grid each, by cross-validation
    5. select: the best of them
    6. refit: choose how much of the past is learnt from, and fit to it; skops and ONNX
    7. evaluate: score the holdout with the ONNX model
    8. export: parity, then the version's files, the card last
    9. announce, whatever happened: training.completed or training.failed

    Args:
        model, version, run_id, dataset_*, spec_*, schema_*, output, seed, code: the governor's request.
        registered: a model to take in place of training one; empty: none.
        attempt: names this attempt, so that its failure is announced from an earlier one's.
        cause: the event that asked for the run, as JSON, so that the announcement can answer it.
        started: when the attempt began, ISO 8601.
        last: whether nobody will try again when the surroundings fail.
    """
    request = {
        "model": model,
        "version": version,
        "run_id": run_id,
        "dataset_uri": dataset_uri,
        "dataset_sha256": dataset_sha256,
        "spec_uri": spec_uri,
        "spec_sha256": spec_sha256,
        "schema_uri": schema_uri,
        "schema_sha256": schema_sha256,
        "output": output,
        "seed": seed,
        "code": code,
    }
    run = {"output": output, "attempt": attempt}
    announced = announce(**request, attempt=attempt, cause=cause, last=last)
    announced.set_caching_options(False)
    with dsl.ExitHandler(announced):
        data = extract(**request, registered=registered, attempt=attempt)
        checked = check(model=model, extracted=data.outputs["extracted"], **run)
        prepared = features(
            model=model,
            seed=seed,
            extracted=data.outputs["extracted"],
            checked=checked.outputs["checked"],
            **run,
        )
        matrices = prepared.outputs["prepared"]
        with dsl.ParallelFor(items=prepared.outputs["Output"], parallelism=4) as index:
            tried = experiment(index=index, prepared=matrices, **run)
        best = select(
            measured=dsl.Collected(tried.outputs["measured"]), metric=checked.outputs["Output"], **run
        ).outputs["selected"]
        model_files = refit(prepared=matrices, selected=best, **run)
        judged = evaluate(prepared=matrices, refitted=model_files.outputs["refitted"], **run)
        version_files = export(
            started=started,
            extracted=data.outputs["extracted"],
            prepared=matrices,
            selected=best,
            refitted=model_files.outputs["refitted"],
            evaluated=judged.outputs["evaluated"],
            **run,
        )
        version_files.set_caching_options(False)
