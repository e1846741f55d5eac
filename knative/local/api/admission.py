"""What may be written: checks beyond an object's own fields, and what Kubernetes calls immutable."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from knative.local.errors import Denied, Invalid, Refused
from knative.local.resources import kinds
from knative.local.resources.changes import template_changes, value_changes
from knative.local.resources.defaulting import BROKER_CLASS, CREATOR, defaulted, keeps_name, written_template
from knative.local.resources.fields import Problem, denied, out_of_bounds
from knative.local.resources.kinds import SECRET, Json, problems_of
from knative.local.resources.objects import Key, annotations_of
from knative.local.services.plan import command_problems

_WEBHOOK = {
    "serving.knative.dev": "validation.webhook.serving.knative.dev",
    **dict.fromkeys(
        ("eventing.knative.dev", "sources.knative.dev", "sinks.knative.dev"),
        "validation.webhook.eventing.knative.dev",
    ),
}


def problems_of_object(body: Json) -> list[Problem]:
    """Return everything wrong with an object: its fields, and whether there is anything to run."""
    return problems_of(body) or command_problems(body)


def admit(key: Key, body: Json, before: Json | None) -> Json:
    """Return an object, checked, as it is to be written over `before` (None: to be created).

    Raises:
        Invalid: with one cause per field.
        Denied: a webhook of Knative refuses it.
    """
    problems = problems_of_object(body)
    if any(not problem.by_webhook for problem in problems):
        raise refusal(key, problems)
    made = normalised(key, defaulted(body, before) if not problems else body)
    if before is not None and not problems:
        problems = changes_refused(key, made, before)
    if problems:
        raise refusal(key, problems)
    return made


def refusal(key: Key, problems: Sequence[Problem]) -> Refused:
    """Build the refusal of an object for what is wrong with it.

    A cluster's schema comes before its webhooks: a webhook only speaks of what passes the schema.
    """
    seen = [problem for problem in problems if not problem.by_webhook]
    if not seen and key.kind.group in _WEBHOOK:
        return Denied(_WEBHOOK[key.kind.group], "\n".join(_merged(problems)))
    return invalid(key, seen or problems)


def _merged(problems: Sequence[Problem]) -> list[str]:
    """Return the webhook's messages, each once with all the fields that it is about."""
    paths_of: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        paths_of.setdefault((problem.message, problem.details), []).append(problem.path)
    return [
        denied(", ".join(sorted(paths)), *words).webhook_message()
        for words, paths in sorted(paths_of.items())
    ]


def invalid(key: Key, problems: Sequence[Problem]) -> Invalid:
    """Build the refusal of an object for its fields."""
    causes = [{"reason": "FieldValueInvalid", "field": p.path, "message": p.message} for p in problems]
    message = "; ".join(str(problem) for problem in problems)
    return Invalid(
        f'{key.kind.name}.{key.kind.group} "{key.name}" is invalid: {message}',
        details={"name": key.name, "group": key.kind.group, "kind": key.kind.name, "causes": causes},
    )


def changes_refused(key: Key, body: Json, before: Json) -> list[Problem]:
    """Return the changes of fields that may not change; both objects have their defaults."""
    now, old = body.get("spec") or {}, before.get("spec") or {}
    match key.kind:
        case kinds.SERVICE:
            return [*_template_kept(body, before), *_creator_kept(body, before)]
        case kinds.TRIGGER:
            return _immutable("spec, broker", value_changes("string", old.get("broker"), now.get("broker")))
        case kinds.BROKER:
            return _broker_kept(body, before)
        case kinds.JOB if now.get("template") != old.get("template"):
            return [Problem("spec.template", "field is immutable")]
        case kinds.CONFIG_MAP | kinds.SECRET if before.get("immutable"):
            return [Problem("data", "is immutable")] if body.get("data") != before.get("data") else []
    return []


def _immutable(path: str, changes: str, what: str = "fields") -> list[Problem]:
    return [denied(path, f"Immutable {what} changed (-old +new)", changes)] if changes else []


def _broker_kept(body: Json, before: Json) -> list[Problem]:
    now, old = body["spec"].get("config"), (before.get("spec") or {}).get("config")
    # One that was kept before Brokers got their defaults has no config.
    changed = _immutable(
        "spec", value_changes("v1.BrokerSpec", {"config": old}, {"config": now}) if old else ""
    )
    was = annotations_of(before).get(BROKER_CLASS)
    is_now = annotations_of(body).get(BROKER_CLASS)
    return changed or _immutable(
        "annotations", value_changes("string", was, is_now) if was else "", "annotations"
    )


def _creator_kept(body: Json, before: Json) -> list[Problem]:
    was = annotations_of(before).get(CREATOR)
    if was is None or annotations_of(body).get(CREATOR) == was:
        return []
    return [denied(f"metadata.annotations.{CREATOR}", "annotation value is immutable")]


def _template_kept(body: Json, before: Json) -> list[Problem]:
    """Return a problem when a template changed under the name of a revision."""
    now, old = body["spec"]["template"], before["spec"]["template"]
    if not keeps_name(now, before):
        return []
    changes = template_changes(written_template(old), written_template(now))
    if not changes:
        return []
    message = "Saw the following changes without a name change (-old +new)"
    return [denied("spec.template.metadata.name", message, changes), *_no_successes(now)]


def _no_successes(template: Json) -> Iterator[Problem]:
    """Yield the webhook's further complaint about a probe that got no defaults."""
    for index, container in enumerate(template["spec"]["containers"]):
        probe = container.get("readinessProbe")
        if probe is not None and not probe.get("successThreshold"):
            place = f"spec.template.spec.containers[{index}].readinessProbe.successThreshold"
            yield out_of_bounds(place, 0, 1, _MOST)


_MOST = 2**31 - 1


def normalised(key: Key, body: Json) -> Json:
    """Return an object as it is kept: a Secret's stringData becomes data."""
    if key.kind is not SECRET or not body.get("stringData"):
        return body
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in body["stringData"].items()}
    rest = {name: value for name, value in body.items() if name != "stringData"}
    return {**rest, "data": {**(body.get("data") or {}), **encoded}}
