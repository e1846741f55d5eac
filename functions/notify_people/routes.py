"""The file of routes: whom to tell of what, and how."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from functions.notify_people.occasions import OCCASIONS, Severity
from pipelines.spec.document import Document, Path, load
from pipelines.spec.durations import Duration
from pipelines.spec.problems import SpecError, nearest, render
from pipelines.spec.section import Section, sequence

FILE = "notify.yaml"
OFF = "off"
_WAYS = ("slack", "webhook", "mail")
_LONGEST = timedelta(days=30)

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,200}$")]
Address = Annotated[str, Field(pattern=r"^[!#-'*+\-./0-9=?A-Z^_`a-z{|}~]{1,64}@[A-Za-z0-9.-]{1,253}$")]


class RoutesError(ValueError):
    """A file of routes is wrong; `problems` has a sentence for each place, with the fix."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _known(name: str) -> str:
    names = [each.name for each in OCCASIONS]
    if name not in names:
        raise PydanticCustomError("unknown", "{hint}", {"hint": nearest(name, names)})
    return name


def _severity(value: Any) -> Any:
    try:
        return Severity(value)
    except ValueError:
        names = [each.value for each in Severity]
        raise PydanticCustomError("unknown", "{hint}", {"hint": nearest(str(value), names)}) from None


class Slack(Section):
    """A Slack-compatible incoming webhook."""

    url_env: Variable


class Webhook(Section):
    """An address that JSON is posted to; with a secret, signed."""

    url_env: Variable
    secret_env: Variable | None = None


class Mail(Section):
    """An SMTP server, and who gets the mail."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Annotated[str, Field(min_length=1, max_length=320)] | None = None
    password_env: Variable | None = None
    sender: Address = Field(alias="from")
    to: Annotated[tuple[Address, ...], BeforeValidator(sequence), Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _login(self) -> Self:
        if (self.username is None) != (self.password_env is None):
            raise PydanticCustomError("rule", "username and password_env together, or neither")
        if self.username is not None and self.security == "none":
            raise PydanticCustomError("rule", "security: starttls or tls where a password is sent")
        return self


class Route(Section):
    """One way to somebody, and what goes this way.

    Attributes:
        severity: the least that is told.
        models: names, `*` standing for anything; None is all, and what is about no model.
        quiet: how long the same problem is told once; None is that of the file.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$")]
    slack: Slack | None = None
    webhook: Webhook | None = None
    mail: Mail | None = None
    severity: Annotated[Severity, BeforeValidator(_severity)] = Severity.WARNING
    models: (
        Annotated[
            tuple[Annotated[str, Field(pattern=r"^[-a-z0-9*?]{1,40}$")], ...],
            BeforeValidator(sequence),
            Field(min_length=1),
        ]
        | None
    ) = None
    quiet: Duration | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if len([way for way in _WAYS if getattr(self, way) is not None]) != 1:
            raise PydanticCustomError("rule", "exactly one of slack, webhook and mail")
        return self


class Routes(Section):
    """All routes, and what holds for each."""

    routes: Annotated[tuple[Route, ...], BeforeValidator(sequence), Field(min_length=1, max_length=50)]
    quiet: Duration = timedelta(hours=1)
    severities: dict[
        Annotated[str, AfterValidator(_known)], Literal["info", "warning", "critical", "off"]
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_and_times(self) -> Self:
        names = [each.name for each in self.routes]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise PydanticCustomError("rule", "names that differ: {name} stands twice", {"name": twice})
        if max(each.quiet or self.quiet for each in self.routes) > _LONGEST:
            raise PydanticCustomError("rule", "quiet of at most 30d")
        return self

    def variables(self) -> list[str]:
        """Return the names of the variables that hold addresses and secrets."""
        ways = [getattr(each, way) for each in self.routes for way in _WAYS if getattr(each, way) is not None]
        named = [
            value
            for way in ways
            for key in type(way).model_fields
            if key.endswith("_env") and (value := getattr(way, key)) is not None
        ]
        return list(dict.fromkeys(named))


def parse_routes(raw: bytes) -> Routes:
    """Read a file of routes. Raises: RoutesError with every problem, each with its place and fix."""
    try:
        document = load(raw, FILE)
    except SpecError as error:
        raise RoutesError([render(each) for each in error.problems]) from error
    problems = [render(each) for each in document.problems]
    if not isinstance(document.value, dict):
        raise RoutesError([*problems, f"{FILE}: expected a mapping; write `routes:` and a list below it"])
    try:
        routes = Routes.model_validate(document.value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise RoutesError([*problems, *(_explain(document, each) for each in found)]) from error
    if problems:
        raise RoutesError(problems)
    return routes


def _explain(document: Document, details: ErrorDetails) -> str:
    path: Path = tuple(step for step in details["loc"] if step != "[key]")
    key = str(path[-1])[:60] if path else ""
    match details["type"]:
        case "extra_forbidden":
            return f"{document.where(path)}: unknown key `{key}`; {nearest(key, _keys(path[:-1]))}"
        case "missing":
            return f"{document.where(path[:-1])}: the key `{key}` is missing"
        case "unknown":
            return f"{document.where(path)}: not known; {details['ctx']['hint']}"
        case "too_short":
            return f"{document.where(path)}: expected at least one"
        case "rule" | "duration":
            return f"{document.where(path)}: expected {details['msg']}"
        case "string_pattern_mismatch":
            return f"{document.where(path)}: expected text of the form {details['ctx']['pattern']}"
    return f"{document.where(path)}: {details['msg']}"


def _keys(path: Path) -> list[str]:
    """Return the keys that stand at a path."""
    section: type[Section] = Routes
    if path[:1] == ("routes",) and len(path) >= 2:
        sections: dict[str, type[Section]] = {"slack": Slack, "webhook": Webhook, "mail": Mail}
        section = sections.get(str(path[-1]), Route)
    return [info.alias or name for name, info in section.model_fields.items()]
