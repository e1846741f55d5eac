"""Functions that are up as well where a variable of `kascade up` asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import knative
from kascade.system.home import NAMESPACE, HomeError

MLFLOW, NOTIFY = "MLFLOW_TRACKING_URI", "KASCADE_NOTIFY"
_COMPONENTS = Path(knative.__file__).with_name("components")


@dataclass(frozen=True)
class Addition:
    """A component of the manifests, and what it reads: objects that a cluster's operator would create."""

    component: str
    objects: tuple[Mapping[str, Any], ...]

    @property
    def manifests(self) -> list[Path]:
        """The files that bring the function."""
        return [_COMPONENTS / self.component / file for file in ("service.yaml", "triggers.yaml")]


def additions_of(environ: Mapping[str, str]) -> list[Addition]:
    """Return what variables ask for. Raises: HomeError: what they name cannot be used."""
    found = []
    if environ.get(MLFLOW):
        values = {name: value for name, value in environ.items() if name.startswith("MLFLOW_") and value}
        found.append(Addition("mlflow", (api_object("Secret", "mlflow", stringData=values),)))
    if environ.get(NOTIFY):
        found.append(_notify(Path(environ[NOTIFY]), environ))
    return found


def api_object(kind: str, name: str, **content: Any) -> dict[str, Any]:
    """Return an object of the core API in our namespace."""
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, **content}


def _notify(file: Path, environ: Mapping[str, str]) -> Addition:
    """Take a file of routes and the variables that it names, which are checked before anything starts."""
    from functions.notify_people.routes import RoutesError, parse_routes
    from functions.notify_people.settings import problems_of
    from pipelines.spec.document import decode_spec
    from pipelines.spec.problems import SpecError

    try:
        raw = file.read_bytes()
        routes, text = parse_routes(raw), decode_spec(raw)
    except OSError as error:
        raise HomeError(f"{NOTIFY}={file} cannot be read: {error.strerror}") from error
    except (RoutesError, SpecError) as error:
        raise HomeError(_listed(file, [str(each) for each in error.problems])) from error
    if problems := problems_of(routes, environ):
        raise HomeError(_listed(file, problems))
    values = {name: environ[name].strip() for name in routes.variables()}
    return Addition(
        "notify",
        (
            api_object("ConfigMap", "notify", data={"notify.yaml": text}),
            api_object("Secret", "notify", stringData=values),
        ),
    )


def _listed(file: Path, problems: list[str]) -> str:
    return "\n  ".join([f"{NOTIFY}={file} cannot be used:", *problems])
