"""The command line of the local runtime."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ORIGINS = "KASCADE_CORS_ORIGINS"
_ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(:[0-9]{1,5})?")
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
    max_body_mib: int = 64
    cors_origin: tuple[str, ...] = ()


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; `--help` and mistakes end the program as argparse does."""
    parser = argparse.ArgumentParser(
        prog="python -m knative.local",
        description="Run Knative manifests on this machine: broker, Services, Jobs, sources, API.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    what = "kustomization folder, folder of YAML files, or file; repeatable"
    add("--manifests", type=Path, action="append", required=True, metavar="PATH", help=what)
    what = "YAML objects merged over those of the manifests, e.g. this machine's ConfigMap; repeatable"
    add("--config", "--config-map", type=Path, action="append", default=[], metavar="FILE", help=what)
    what = "web pages of this origin may ask the gateway, e.g. https://shop.example; repeatable"
    what += f" (default: those in {ORIGINS})"
    add("--cors-origin", type=_origin, action="append", metavar="ORIGIN", help=what)
    for name, type_, metavar, what in _SETTINGS:
        default = getattr(Options, name)
        flag = f"--{name.replace('_', '-')}"
        add(flag, type=type_, default=default, metavar=metavar, help=f"{what} (default: {default})")
    found = vars(parser.parse_args(arguments))
    if found["cors_origin"] is None:
        found["cors_origin"] = _origins(parser, os.environ.get(ORIGINS, ""))
    lists = {name: tuple(found[name]) for name in ("manifests", "config", "cors_origin")}
    return Options(**{**found, **lists})


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port lies between 0 and 65535")
    return port


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text} is no origin: write https://HOST or http://HOST:PORT, in small letters, without a path"
        )
    return text


def _origins(parser: argparse.ArgumentParser, text: str) -> list[str]:
    try:
        return [_origin(each) for each in text.split()]
    except argparse.ArgumentTypeError as error:
        parser.error(f"{ORIGINS}: {error}")


def _at_least(least: int, convert: Callable[[str], float]) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = convert(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"must be {least} or more")
        return value

    return number


_SETTINGS: tuple[tuple[str, Callable[[str], object], str, str], ...] = (
    ("state_dir", Path, "DIR", "objects, events, logs"),
    ("gateway_port", _port, "PORT", "Services and broker"),
    ("api_port", _port, "PORT", "Kubernetes-shaped API"),
    ("idle_s", float, "S", "stop a process idle for so long"),
    ("max_scale", _at_least(1, int), "N", "processes of a revision that names no max-scale"),
    ("max_body_mib", _at_least(1, int), "MIB", "the largest body that the gateway takes"),
    ("max_jobs", _at_least(1, int), "N", "Jobs running at once"),
    (
        "lag_s",
        _at_least(0, float),
        "S",
        "how long a Service's change takes to become a revision, after the API's answer",
    ),
)
