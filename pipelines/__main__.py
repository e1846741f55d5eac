"""Compile the training pipeline for a cluster, or run it here.

python -m pipelines compile -o training.yaml
python -m pipelines run --workspace DIR [--package FILE]    (parameters: a line of JSON on standard input)
python -m pipelines step NAME [--index N]                   (the same; its value is the last line printed)
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

OWNERS_FAULT = 65


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pipelines", description="The training pipeline.")
    commands = parser.add_subparsers(dest="command", required=True)
    compiling = commands.add_parser("compile", help="write the pipeline as Kubeflow's IR YAML")
    compiling.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    running = commands.add_parser(
        "run", help="run it under kfp.local; parameters are a line of JSON on stdin"
    )
    running.add_argument("--workspace", type=Path, required=True, metavar="DIR")
    running.add_argument(
        "--with-parent", action="store_true", help="end, with every task, as soon as standard input is closed"
    )
    running.add_argument("--package", type=Path, metavar="FILE", help="a compiled pipeline to run instead")
    stepping = commands.add_parser("step", help="run one step, for an engine that is not Kubeflow")
    stepping.add_argument("name")
    stepping.add_argument("--index", metavar="N", help="of an experiment")
    given = parser.parse_args(arguments)
    if given.command == "compile":
        from pipelines.compiling import compile_training

        compile_training(given.output)
        return 0
    if given.command == "step":
        return _step(given.name, given.index)
    from pipelines.local_run import end_with_parent, run

    def parameters() -> dict[str, Any]:
        line = sys.stdin.readline()
        if not line:
            raise SystemExit(1)  # whoever started this needs it no longer
        if given.with_parent:
            end_with_parent()
        found: dict[str, Any] = json.loads(line)
        return found

    return 0 if run(given.workspace, given.package, parameters) else 1


def _step(name: str, index: str | None) -> int:
    """Run one step; return OWNERS_FAULT when it would fail in the same way again."""
    import os

    from eventing.store import S3Store
    from pipelines.errors import StepError
    from pipelines.remote_step import clear, run_step

    parameters, store = json.loads(sys.stdin.readline()), S3Store.from_env(os.environ)
    try:
        value = run_step(name, parameters, index, store)
    except StepError:
        return OWNERS_FAULT
    if name == "announce":
        clear(parameters, store)
    print(json.dumps(value), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
