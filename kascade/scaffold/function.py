"""`kascade new function`: what is asked, checked, and the files that follow from it."""

from __future__ import annotations

import difflib
import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from pydantic.fields import FieldInfo

from eventing.catalogue import PAYLOADS, PREFIX, Payload
from eventing.json_values import dump_json
from kascade.scaffold import lists
from kascade.scaffold.checkout import Checkout
from kascade.scaffold.errors import ScaffoldError
from kascade.scaffold.examples import example_of
from pipelines.spec.model import RESERVED_NAMES

TEMPLATES = Path(__file__).with_name("templates")
SUFFIX = ".jinja"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 63 - len("-oidc-eventing.knative.dev-trigger")
"""Knative makes an account of this name for the function's Trigger, and shortens a longer one."""
_PLAIN = (str, int, float, bool)


@dataclass(frozen=True)
class NewFunction:
    """A function that is to be written.

    Attributes:
        name: of its folder, and with hyphens of its Service.
        on: the payload class of the type that it handles.
        emits: the payload class of the type that it answers with, if any.
    """

    name: str
    on: type[Payload]
    emits: type[Payload] | None = None

    @property
    def service(self) -> str:
        """The name of its Service, Trigger and image."""
        return self.name.replace("_", "-")


def plan(checkout: Checkout, function: NewFunction) -> None:
    """Put a function's files and its entries in the lists into a checkout, without writing them.

    Raises:
        ScaffoldError: the name cannot be used, or a list is not where it was.
    """
    _check_name(checkout, function)
    values = _values(checkout, function)
    folders = {
        "function": f"functions/{function.name}",
        "manifests": f"knative/base/{function.name}",
        "tests": f"tests/unit/functions/{function.name}",
    }
    for source, target in folders.items():
        for template in sorted((TEMPLATES / source).glob(f"*{SUFFIX}")):
            checkout.put(f"{target}/{template.name.removesuffix(SUFFIX)}", _render(template, values))
    lists.enter(checkout, function.name, function.emits)


def _render(template: Path, values: dict[str, Any]) -> str:
    text = template.read_text(encoding="utf-8")
    filled: jinja2.Template = jinja2.Template(
        text, undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    return filled.render(values)


def payload_of(type_: str) -> type[Payload]:
    """Return the class of an event type. Raises: ScaffoldError: it is not in the catalogue."""
    full = type_ if type_.startswith(PREFIX) else PREFIX + type_
    if full in PAYLOADS:
        return PAYLOADS[full]
    known = [each.removeprefix(PREFIX) for each in sorted(PAYLOADS)]
    near = difflib.get_close_matches(type_.removeprefix(PREFIX), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "docs/events.md lists them"
    raise ScaffoldError(f"{type_} is no type of the catalogue; {hint}")


def _check_name(checkout: Checkout, function: NewFunction) -> None:
    name = function.name
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or keyword.issoftkeyword(name):
        fixed = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        better = fixed if _NAME.fullmatch(fixed) and not keyword.iskeyword(fixed) else "notify_owner"
        raise ScaffoldError(f"{name!r} is no name of a function: write lower_case words, such as {better}")
    if len(name) > _LONGEST:
        raise ScaffoldError(f"{name} has {len(name)} characters; Knative leaves room for {_LONGEST}")
    if checkout.exists(f"functions/{name}") or function.service in RESERVED_NAMES:
        raise ScaffoldError(f"the name {name} is taken; choose another one")
    if function.emits is function.on:
        raise ScaffoldError(
            f"a function on {function.on.type} that emits the same would answer itself for ever"
        )


def _values(checkout: Checkout, function: NewFunction) -> dict[str, Any]:
    """Return what the templates are filled with."""
    on, emits = function.on, function.emits
    version = re.search(r'^version = "(.*)"', checkout.read("pyproject.toml"), re.MULTILINE)
    event = example_of(on)
    values: dict[str, Any] = {
        "name": function.name,
        "service": function.service,
        "version": version[1] if version else "0.1.0",
        "on": on,
        "on_type": on.type.removeprefix(PREFIX),
        "event": repr(event),
        "event_json": dump_json(event).decode(),
        "event_subject": _example_subject(on, event),
        "max_bytes": "32 << 20" if on.type == f"{PREFIX}inference.logged" else "1 << 20",
        "emits": emits,
        "classes": ", ".join(sorted(each.__name__ for each in (on, emits) if each is not None)),
    }
    return values if emits is None else values | _reply_values(function, emits, event)


def _reply_values(function: NewFunction, emits: type[Payload], event: dict[str, Any]) -> dict[str, Any]:
    example = example_of(emits)
    copied = [
        name for name in example if _is_same(function.on.model_fields.get(name), emits.model_fields[name])
    ]
    reply = example | {name: event[name] for name in copied}
    fields = {
        name: f"payload.{name}" if name in copied else f"{value!r},  # a placeholder"
        for name, value in example.items()
    }
    if "requested_by" in emits.model_fields:
        fields["requested_by"], reply["requested_by"] = "FUNCTION", function.name
    return {
        "emits_type": emits.type.removeprefix(PREFIX),
        "fields": {name: code if "#" in code else f"{code}," for name, code in fields.items()},
        "copied": copied,
        "plain": all(name in copied or emits.model_fields[name].annotation in _PLAIN for name in example),
        "subject": _subject_code(emits),
        "reply_subject": _example_subject(emits, reply),
        "reply_json": _json(emits, reply),
    }


def _is_same(source: FieldInfo | None, target: FieldInfo) -> bool:
    return source is not None and source.is_required() and source.annotation == target.annotation


def _names_in(subject: str) -> list[str]:
    return re.findall(r"<(\w+)>", subject)


def _subject_code(emits: type[Payload]) -> str:
    """Return the expression of the reply's subject, as the class describes it."""
    names = _names_in(emits.subject)
    if not names or not set(names) <= emits.model_fields.keys():
        return 'event.subject or "unknown"'
    if emits.subject == f"<{names[0]}>":
        return f"reply.{names[0]}"
    return 'f"' + re.sub(r"<(\w+)>", r"{reply.\1}", emits.subject) + '"'


def _example_subject(payload: type[Payload], example: dict[str, Any]) -> str:
    if not set(_names_in(payload.subject)) <= example.keys() or not _names_in(payload.subject):
        return "churn"
    return re.sub(r"<(\w+)>", lambda found: str(example[found[1]]), payload.subject)


def _json(emits: type[Payload], reply: dict[str, Any]) -> str:
    """Return the reply's data as it is sent, for the README and the test."""
    data = emits.model_validate(reply).model_dump(mode="json", exclude_none=True)
    return dump_json(data).decode()
