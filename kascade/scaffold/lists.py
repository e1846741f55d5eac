"""The lists in which a function is entered; tests/manifests/test_consistency.py reads the same."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable

from eventing import schemas
from eventing.catalogue import Payload
from kascade.scaffold.checkout import Checkout
from kascade.scaffold.errors import ScaffoldError

PYPROJECT = "pyproject.toml"
RESOURCES = "knative/base/kustomization.yaml"
BUDGETS = "knative/components/disruption-budgets/functions.yaml"
POLICY = "knative/components/event-policy/functions.yaml"
RESERVED = "pipelines/spec/model.py"
IMAGES = ".locks/images"
PAGE = "docs/events.md"

_BUDGET = """\
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {0}
  namespace: kascade
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      serving.knative.dev/service: {0}
"""


def enter(checkout: Checkout, name: str, emits: type[Payload] | None) -> None:
    """Enter a function in every list. Raises: ScaffoldError: a list is not where it was."""
    service = name.replace("_", "-")
    _edit(checkout, PYPROJECT, "the extras", _after(r"^# One per function: .*\n", f"{service} = []\n"))
    _edit(
        checkout,
        PYPROJECT,
        "the extra `functions`",
        _after(r'^functions = \["kascade\[[-a-z,]+', f",{service}"),
    )
    independent = r'^type = "independence"\nmodules = \[\n((?:    ".*",\n)+)'
    _edit(checkout, PYPROJECT, "the layers", _sorted_in(independent, f'    "functions.{name}",\n'))
    _edit(checkout, RESOURCES, "the resources", _after(r"^resources:\n(?:  - .*\n)*", f"  - {name}\n"))
    _edit(checkout, BUDGETS, "the budgets", lambda text: text + _BUDGET.format(service))
    account = f"    - sub: system:serviceaccount:kascade:{service}-oidc-eventing.knative.dev-trigger\n"
    _edit(checkout, POLICY, "the senders", _sorted_in(r"((?:^    - sub: .*-trigger\n)+)", account))
    reserved = r'^RESERVED_NAMES = frozenset\(\n    \{\n((?:        ".*",\n)+)'
    _edit(checkout, RESERVED, "RESERVED_NAMES", _sorted_in(reserved, f'        "{service}",\n'))
    checkout.put(f"{IMAGES}/{service}.txt", _image(checkout))
    if emits is not None:
        _add_emitter(checkout, name, emits)


def _add_emitter(checkout: Checkout, name: str, payload: type[Payload]) -> None:
    """Name the function in the payload's class, and in the page that is generated from it."""
    path = payload.__module__.replace(".", "/") + ".py"
    names = ", ".join(f'"{each}"' for each in sorted((*payload.emitted_by, name)))
    entry = f"emitted_by=({names},)" if not payload.emitted_by else f"emitted_by=({names})"

    def change(text: str) -> str | None:
        found = re.search(rf"^class {payload.__name__}\((.*?)\):$", text, re.MULTILINE | re.DOTALL)
        if found is None:
            return None
        arguments = re.sub(r",?\s*emitted_by=\(.*?\)", "", found[1], flags=re.DOTALL).rstrip().rstrip(",")
        return text[: found.start(1)] + f"{arguments}, {entry}" + text[found.end(1) :]

    _edit(checkout, path, f"the class {payload.__name__}", change)
    before = payload.emitted_by
    try:
        payload.emitted_by = tuple(sorted((*before, name)))
        checkout.put(PAGE, schemas.reference.render())
    finally:
        payload.emitted_by = before


def _image(checkout: Checkout) -> str:
    """Return what every image installs: a new function needs nothing else yet."""
    folder = checkout.root / IMAGES
    lists = [set(path.read_text().split()) for path in folder.glob("*.txt") if path.stem != "drift"]
    if not lists:
        raise ScaffoldError(f"{folder} has no lists of what images install")
    return "".join(f"{line}\n" for line in sorted(set.intersection(*lists)))


def _edit(checkout: Checkout, path: str, what: str, change: Callable[[str], str | None]) -> None:
    text = change(checkout.read(path))
    if text is None:
        raise ScaffoldError(f"{checkout.root / path} has no place for a function in {what}")
    checkout.put(path, text)


def _after(pattern: str, entry: str) -> Callable[[str], str | None]:
    def change(text: str) -> str | None:
        found = re.search(pattern, text, re.MULTILINE)
        return None if found is None else text[: found.end()] + entry + text[found.end() :]

    return change


def _sorted_in(pattern: str, entry: str) -> Callable[[str], str | None]:
    """Insert a line among those of the pattern's group, in their order."""

    def change(text: str) -> str | None:
        found = re.search(pattern, text, re.MULTILINE)
        if found is None:
            return None
        lines = found[1].splitlines(keepends=True)
        bisect.insort(lines, entry)
        return text[: found.start(1)] + "".join(lines) + text[found.end(1) :]

    return change
