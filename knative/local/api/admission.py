"""What may be written: checks beyond an object's own fields, and what Kubernetes calls immutable."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from knative.local.errors import Invalid
from knative.local.resources.fields import Problem
from knative.local.resources.kinds import BROKER, CONFIG_MAP, JOB, SECRET, SERVICE, TRIGGER, Json, problems_of
from knative.local.resources.objects import Key, annotations_of
from knative.local.services.plan import command_problems

_CLASS = "eventing.knative.dev/broker.class"


def problems_of_object(body: Json) -> list[Problem]:
    """Return everything wrong with an object: its fields, and whether there is anything to run."""
    return problems_of(body) or command_problems(body)


def admit(key: Key, body: Json, before: Json | None) -> None:
    """Check an object that is to be written over `before` (None: to be created).

    Raises:
        Invalid: with one cause per field.
    """
    problems = problems_of_object(body)
    if not problems and before is not None:
        problems = changes_refused(key, body, before)
    if problems:
        raise invalid(key, problems)


def invalid(key: Key, problems: Sequence[Problem]) -> Invalid:
    """Build the refusal of an object for its fields."""
    causes = [{"reason": "FieldValueInvalid", "field": p.path, "message": p.message} for p in problems]
    said = "; ".join(str(problem) for problem in problems)
    return Invalid(
        f'{key.kind.name}.{key.kind.group} "{key.name}" is invalid: {said}',
        details={"name": key.name, "group": key.kind.group, "kind": key.kind.name, "causes": causes},
    )


def changes_refused(key: Key, body: Json, before: Json) -> list[Problem]:
    """Return the changes of fields that may not change."""
    now, old = body.get("spec") or {}, before.get("spec") or {}
    if key.kind is TRIGGER and now.get("broker") != old.get("broker"):
        return [Problem("spec.broker", "is immutable")]
    if key.kind is BROKER:
        problems = []
        if now.get("config") != old.get("config"):
            problems.append(Problem("spec.config", "is immutable"))
        if annotations_of(body).get(_CLASS) != annotations_of(before).get(_CLASS):
            problems.append(Problem(f"metadata.annotations[{_CLASS}]", "is immutable"))
        return problems
    if key.kind is JOB and now.get("template") != old.get("template"):
        return [Problem("spec.template", "is immutable")]
    if key.kind is SERVICE:
        return _revision_name(now["template"], old["template"])
    if key.kind in (CONFIG_MAP, SECRET) and before.get("immutable"):
        return [Problem("data", "is immutable")] if body.get("data") != before.get("data") else []
    return []


def _revision_name(now: Json, old: Json) -> list[Problem]:
    name = (now.get("metadata") or {}).get("name")
    if name and name == (old.get("metadata") or {}).get("name") and now != old:
        return [Problem("spec.template.metadata.name", f"the template changed, so {name} needs a new name")]
    return []


def normalised(key: Key, body: Json) -> Json:
    """Return an object as it is kept: a Secret's stringData becomes data."""
    if key.kind is not SECRET or not body.get("stringData"):
        return body
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in body["stringData"].items()}
    rest = {name: value for name, value in body.items() if name != "stringData"}
    return {**rest, "data": {**(body.get("data") or {}), **encoded}}
