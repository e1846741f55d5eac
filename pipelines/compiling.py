"""The training pipeline as Kubeflow's intermediate representation, byte for byte the same each time."""

from __future__ import annotations

from pathlib import Path


def compile_training(output: Path) -> None:
    """Write the pipeline's IR YAML to a file, for `kfp.Client().create_run_from_pipeline_package`."""
    from kfp.compiler import Compiler

    from pipelines.training import training

    output.parent.mkdir(parents=True, exist_ok=True)
    Compiler().compile(pipeline_func=training, package_path=str(output))
