"""From the bytes of a model.yaml to a ModelSpec, or to every problem in it."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from eventing.catalogue import OwnCode, Problem
from pipelines.spec.document import Document, Path, load, name_of
from pipelines.spec.model import SECTIONS, ModelSpec
from pipelines.spec.problems import SpecError
from pipelines.spec.section import Section

Check = Callable[[ModelSpec], Iterable[Problem]]

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping (`name: value` lines)",
    "model_type": "a mapping (`key: value` lines)",
    "model_attributes_type": "a mapping (`key: value` lines)",
    "string_too_short": "text that is not empty",
    "string_too_long": "a shorter text (at most {max_length} characters)",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "text of the form {pattern}",
}
_NOT_LIVE: Mapping[Path, tuple[str, str]] = MappingProxyType(
    {
        ("features", "repo"): (
            "a Feast repository is not used live: its views are imported, and materialised here",
            "run `kascade features import REPO`, with what is here, and write what it prints in its place",
        )
    }
)
"""Keys that are asked for, and what there is in their place: the problem and its fix."""
_RULES = ("rule", "roles", "experiments")  # said of a whole section, so there is no single value to show
_DNS_LABEL = "a DNS label: lower-case letters, digits and dashes, at most 40, a letter first"


def parse_spec(raw: bytes, *, model: str | None = None, checks: Sequence[Check] = ()) -> ModelSpec:
    """Read a model.yaml.

    Args:
        raw: the file's bytes.
        model: the name of the folder it lies in; None takes it from the key `model`.
        checks: further rules, each yielding problems; they see only a spec that is otherwise valid.

    Raises:
        SpecError: with every problem found, each naming its place, what was got, expected, and the fix.
    """
    document = load(raw)
    problems = list(document.problems)
    content = document.value
    if content is None:
        content = {}
    if not isinstance(content, dict):
        got = f"got {_got(content)}, expected a mapping"
        raise SpecError([*problems, _problem(document, (), got, "write `key: value` lines")])
    problems += _folder_problems(document, content, model)
    try:
        spec = ModelSpec.model_validate({**content, "model": model} if model is not None else content)
    except ValidationError as error:
        problems += [_explain(document, details) for details in _distinct(error)]
        raise SpecError(problems) from error
    problems += [_located(document, problem) for check in checks for problem in check(spec)]
    if problems:
        raise SpecError(problems)
    return spec


def spec_digest(spec: ModelSpec, code: OwnCode | None = None) -> str:
    """Return the SHA-256 of what the spec says, whatever its comments, order or spelling.

    Args:
        code: what the files hold that train.code and train.requirements name: it counts too.
    """
    dumped = spec.model_dump(mode="json", by_alias=True)
    if spec.features is None:  # the digest of a spec without features is that of releases before them
        del dumped["features"]
    if spec.rollout.loss == "zero_one":  # the same of one that names no loss
        del dumped["rollout"]["loss"]
    if not spec.labels.randomised:
        del dumped["labels"]["randomised"]
    if spec.gate.undecided == "try":
        del dumped["gate"]["undecided"]
    canonical = json.dumps(dumped, sort_keys=True, separators=(",", ":"))
    if code is not None:
        canonical += code.train.sha256 + (code.requirements.sha256 if code.requirements else "")
    return hashlib.sha256(canonical.encode()).hexdigest()


def section_at(path: Path) -> type[Section] | None:
    """Return the class that stands at a path of the file, if one does."""
    for pattern, section in SECTIONS.items():
        if len(pattern) == len(path) and all(
            want in ("*", step) for want, step in zip(pattern, path, strict=True)
        ):
            return section
    return None


def keys_of(section: type[Section]) -> dict[str, str]:
    """Return the keys a section may have, each with an example of its value."""
    return {
        info.alias or name: str(info.examples[0]) if info.examples else ""
        for name, info in section.model_fields.items()
    }


def _located(document: Document, problem: Problem) -> Problem:
    """Add the line to a problem that names its place as `train.candidates[0].estimator`."""
    steps = re.findall(r"[^.\[\]]+", problem.where)
    path: Path = tuple(int(step) if step.isdigit() else step for step in steps)
    return problem.model_copy(update={"where": document.where(path)})


def _folder_problems(document: Document, content: Mapping[str, Any], model: str | None) -> list[Problem]:
    written = content.get("model")
    if model is None or written is None or written == model:
        return []
    return [
        _problem(
            document,
            ("model",),
            f"got {_got(written)}, expected the folder's name, {model!r}",
            f"write `model: {model}`, or leave the key out",
        )
    ]


def _distinct(error: ValidationError) -> list[ErrorDetails]:
    """Drop what a union reports twice for one place."""
    seen: dict[Path, ErrorDetails] = {}
    for details in error.errors(include_url=False):
        seen.setdefault(_path(details), details)
    return list(seen.values())


def _path(details: ErrorDetails) -> Path:
    path: Path = ()
    for step in details["loc"]:
        if step == "[key]":
            break
        path = (*path, step)
    return path


def _explain(document: Document, details: ErrorDetails) -> Problem:
    path = _path(details)
    kind = details["type"]
    section = section_at(path[:-1])
    if kind == "extra_forbidden":
        return _unknown_key(document, path, section)
    key = str(path[-1]) if path else ""
    example = keys_of(section).get(key, "") if section else ""
    fix = f"write, for example, `{key}: {example}`" if example else ""
    if kind == "missing":
        parent = path[:-1]
        return Problem(where=document.where(parent), problem=f"the key `{name_of(path)}` is missing", fix=fix)
    expected = _expected(details)
    if path == ("model",) and kind == "string_pattern_mismatch":
        expected, fix = _DNS_LABEL, "rename the folder, for example to `churn` or `churn-nl`"
    got = "" if kind in _RULES else f"got {_got(details['input'])}, "
    return _problem(document, path, f"{got}expected {expected}", fix)


def _unknown_key(document: Document, path: Path, section: type[Section] | None) -> Problem:
    key = str(path[-1])
    if path in _NOT_LIVE:
        return _problem(document, path, *_NOT_LIVE[path])
    valid = list(keys_of(section)) if section else []
    nearest = difflib.get_close_matches(key, valid, n=1, cutoff=0.0)
    fix = f"did you mean `{nearest[0]}`? valid here: {', '.join(valid)}" if nearest else "remove it"
    return _problem(document, path, f"unknown key `{key[:60]}`", fix)


def _expected(details: ErrorDetails) -> str:
    template = _EXPECTED.get(details["type"])
    if template is None:
        return details["msg"]
    return template.format(**details.get("ctx", {}))


def _problem(document: Document, path: Path, problem: str, fix: str) -> Problem:
    return Problem(where=document.where(path), problem=problem, fix=fix)


def _got(value: Any) -> str:
    if isinstance(value, dict):
        return f"a mapping of {len(value)} keys"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if len(value) > 5 else _short(list(value))
    return "nothing" if value is None else _short(value)


def _short(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
