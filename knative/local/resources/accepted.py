"""The literal list of what is accepted without local effect, as docs/local-runtime.md shows it.

`python -m knative.local.resources.accepted` prints it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from knative.local.resources.autoscaling import ACCEPTED_ANNOTATIONS
from knative.local.resources.kinds import KINDS

_POD = ("spec.job.spec.template.spec.", "spec.template.spec.")
_META = ("spec.job.spec.template.metadata.", "spec.job.metadata.", "spec.template.metadata.", "metadata.")
_JOB = ("spec.job.spec.",)


def accepted() -> dict[str, str]:
    """Return why each field has no local effect, by its place; fields of pods once for all kinds."""
    found = dict(sorted(_paths()))
    return found | {f"annotation `{name}`": why for name, why in ACCEPTED_ANNOTATIONS.items()}


def accepted_list() -> str:
    """Return each field, and why it has no effect on one machine, as a Markdown list."""
    items = (f"{place}: {why}" for place, why in accepted().items())
    lines = (textwrap.wrap(item, 119, initial_indent="- ", subsequent_indent="  ") for item in items)
    return "\n".join(line for item in lines for line in item)


def _paths() -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        if kind.written_by_users:
            for path, why in kind.rule.accepted(""):
                yield _place(kind.name, path), why


def _place(kind: str, path: str) -> str:
    for prefixes, name in ((_POD, "of a pod"), (_META, "of any metadata"), (_JOB, "of a Job")):
        for prefix in prefixes:
            if path.startswith(prefix):
                return f"`{path.removeprefix(prefix)}` {name}"
    if path == "status":
        return "`status` of any object"
    return f"`{path.removeprefix('spec.') if kind == 'Job' else path}` of a {kind}"


if __name__ == "__main__":
    print(accepted_list())
