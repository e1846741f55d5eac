"""Components of the data's way: extract, check, features."""

from typing import List  # noqa: UP035  (kfp puts this name in the component's own module)

from kfp import dsl

from pipelines.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def extract(
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
    seed: int,
    registered: str,
    code: str,
    attempt: str,
    extracted: dsl.Output[dsl.Dataset],
) -> None:
    """Bring the dataset's parts into one table."""
    from pathlib import Path

    from pipelines.components.step import logged_step, open_store
    from pipelines.request import RunRequest
    from pipelines.steps.extract import extract as step

    request = RunRequest.from_parameters(locals())
    with logged_step("extract", output, attempt):
        extracted.metadata["rows"] = step(open_store(), request, Path(extracted.path))["rows"]


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def check(
    model: str,
    output: str,
    attempt: str,
    extracted: dsl.Input[dsl.Dataset],
    checked: dsl.Output[dsl.Artifact],
) -> str:
    """Tell whether a model can be learnt, and return the metric to compare by."""
    from pathlib import Path

    from pipelines.components.step import logged_step
    from pipelines.steps.check import check as step

    with logged_step("check", output, attempt):
        return step(Path(extracted.path), Path(checked.path), model)["metric"]


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def features(
    model: str,
    seed: int,
    output: str,
    attempt: str,
    extracted: dsl.Input[dsl.Dataset],
    checked: dsl.Input[dsl.Artifact],
    prepared: dsl.Output[dsl.Dataset],
) -> List[str]:  # noqa: UP006
    """Split, encode, and return the experiments to make."""
    from pathlib import Path

    from pipelines.components.step import logged_step
    from pipelines.steps.features import features as step

    with logged_step("features", output, attempt):
        return step(Path(extracted.path), Path(checked.path), Path(prepared.path), model, seed)
