"""The exit task: whatever happened, tell the broker how the run ended."""

from kfp import dsl

from pipelines.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def announce(
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
    code: str,
    attempt: str,
    cause: str,
    last: bool,
    status: dsl.PipelineTaskFinalStatus,
) -> str:
    """Send training.completed or training.failed to the sink; return the type sent."""
    import os

    from eventing.sink import sink_from_env
    from pipelines.announcement import announce as step
    from pipelines.announcement import load_cause
    from pipelines.components.step import open_store
    from pipelines.request import RunRequest

    request = RunRequest.from_parameters(locals())
    send = sink_from_env(os.environ).send
    print(f"announce: the run ended as {status.state}", flush=True)
    return step(open_store(), send, request, load_cause(cause), attempt=attempt, last=last)
