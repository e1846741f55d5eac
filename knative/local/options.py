"""The command line of the local runtime."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = """\
examples:
  python -m knative.local --manifests knative/overlays/local
      run everything on ports 8080 (gateway, broker) and 8081 (API), state in .kascade/

  python -m knative.local --manifests knative/overlays/local --config mine.yaml --gateway-port 0 --api-port 0
      complete the ConfigMap and Secret by those of a file; take free ports (see .kascade/endpoints.json)

  KUBECONFIG=.kascade/kubeconfig kubectl get ksvc,brokers,triggers,jobs -n kascade
      look at what runs

exit codes: 0 ended by SIGTERM or SIGINT, 2 a port or the state folder is in use,
            3 the manifests cannot be honoured
"""


@dataclass(frozen=True)
class Options:
    """How to run: paths, ports (0 takes a free one), durations in seconds."""

    manifests: tuple[Path, ...]
    config: tuple[Path, ...] = ()
    state_dir: Path = Path(".kascade")
    gateway_port: int = 8080
    api_port: int = 8081
    idle_s: float = 60.0
    max_scale: int = 2
    max_jobs: int = 2
    lag_s: float = 0.1


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; `--help` and mistakes end the program as argparse does."""
    parser = argparse.ArgumentParser(
        prog="python -m knative.local",
        description="Run Knative manifests on this machine: broker, Services, Jobs, sources, API.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--manifests",
        type=Path,
        action="append",
        required=True,
        metavar="PATH",
        help="kustomization folder, folder of YAML files, or file; repeatable",
    )
    add(
        "--config",
        "--config-map",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="YAML objects merged over those of the manifests, e.g. this machine's ConfigMap; repeatable",
    )
    add(
        "--state-dir",
        type=Path,
        default=Options.state_dir,
        metavar="DIR",
        help="objects, events, logs (default: .kascade)",
    )
    add(
        "--gateway-port",
        type=_port,
        default=Options.gateway_port,
        metavar="PORT",
        help="Services and broker (default: 8080)",
    )
    add(
        "--api-port",
        type=_port,
        default=Options.api_port,
        metavar="PORT",
        help="Kubernetes-shaped API (default: 8081)",
    )
    add(
        "--idle-s",
        type=float,
        default=Options.idle_s,
        metavar="S",
        help="stop a process idle for so long (default: 60)",
    )
    add(
        "--max-scale",
        type=_positive,
        default=Options.max_scale,
        metavar="N",
        help="processes of a revision that names no max-scale (default: 2)",
    )
    add(
        "--max-jobs",
        type=_positive,
        default=Options.max_jobs,
        metavar="N",
        help="Jobs running at once (default: 2)",
    )
    add(
        "--lag-s",
        type=_not_negative,
        default=Options.lag_s,
        metavar="S",
        help="how long a Service's change takes to become a revision, after the API's answer (default: 0.1)",
    )
    found = vars(parser.parse_args(arguments))
    return Options(**{**found, "manifests": tuple(found["manifests"]), "config": tuple(found["config"])})


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port lies between 0 and 65535")
    return port


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _not_negative(text: str) -> float:
    number = float(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number
