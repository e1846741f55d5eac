"""The fields of Brokers, Triggers, sources and sinks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadDateError, croniter

from knative.local.broker.errors import InvalidSpec
from knative.local.broker.model import parse_broker, parse_trigger
from knative.local.resources.batch import JOB_SPEC, JOB_TEMPLATE_METADATA
from knative.local.resources.fields import (
    TEXT,
    Accepted,
    Check,
    Fields,
    Mapped,
    Problem,
    Rule,
    Scalar,
    Unsupported,
)
from knative.local.resources.pods import LABEL_SELECTOR

_NO_TLS = Unsupported("everything is plain HTTP on the loopback address")
_REF = Fields(
    {"apiVersion": TEXT, "kind": TEXT, "namespace": TEXT, "name": TEXT, "group": TEXT, "address": TEXT},
    required=("kind", "name"),
)


def _addressable(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    ref, uri = value.get("ref"), value.get("uri")
    if not ref and not uri:
        yield Problem(path, "needs ref or uri")
    if not ref and uri and "://" not in uri:
        yield Problem(f"{path}.uri", "must be absolute when there is no ref")
    if ref and uri and "://" in uri:
        yield Problem(f"{path}.uri", "must be relative when there is a ref")


DESTINATION = Fields(
    {
        "ref": _REF,
        "uri": TEXT,
        "CACerts": _NO_TLS,
        "audience": Accepted("events carry no token on one machine"),
    },
    checks=(_addressable,),
)


def _parsed_by(parse: Callable[[Mapping[str, Any]], object]) -> Check:
    def check(body: Mapping[str, Any], path: str) -> Iterator[Problem]:
        try:
            parse(body)
        except InvalidSpec as error:
            yield from (Problem(problem.field, problem.message) for problem in error.problems)

    return check


check_broker = _parsed_by(parse_broker)
check_trigger = _parsed_by(parse_trigger)


def _attribute_name(key: str, _: Any) -> str | None:
    good = key.isascii() and key.isalnum() and key.islower() and key[0].isalpha()
    return None if good else "attribute names are lower case letters and digits, starting with a letter"


_OVERRIDES = Fields({"extensions": Mapped(TEXT, _attribute_name)})


def cron_problem(schedule: str) -> str | None:
    """Return why `schedule` is no cron line (five fields, six with seconds first, `@hourly`), or None."""
    if schedule.startswith("@every"):
        return "@every is not known to PingSource; write a cron line"
    try:
        croniter(schedule, datetime(2026, 1, 1), second_at_beginning=True).get_next(datetime)
    except CroniterBadDateError:
        return "names a day that never comes"
    except (ValueError, KeyError, AttributeError) as error:
        return f"is no cron line: {error}"
    fields = len(schedule.split())
    return (
        None
        if schedule.startswith("@") or fields in (5, 6)
        else f"has {fields} fields; five or six are known"
    )


def _zone_problem(name: str) -> str | None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"{name!r} is no time zone, such as Europe/Berlin"
    return None


def _one_payload(spec: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if spec.get("data") and spec.get("dataBase64"):
        yield Problem(path, "may not have both data and dataBase64")


PING_SPEC = Fields(
    {
        "schedule": Scalar((str,), "a string", cron_problem),
        "timezone": Scalar((str,), "a string", _zone_problem),
        "contentType": TEXT,
        "data": TEXT,
        "dataBase64": TEXT,
        "ceOverrides": _OVERRIDES,
        "sink": DESTINATION,
    },
    required=("sink",),
    checks=(_one_payload,),
)


def _named_or_selected(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if bool(value.get("name")) == bool(value.get("selector")):
        yield Problem(path, "needs exactly one of name and selector")
    if value["kind"] not in ("Service", "Job"):
        yield Problem(f"{path}.kind", "only Knative Services and Jobs can be bound locally")


_SUBJECT = Fields(
    {"apiVersion": TEXT, "kind": TEXT, "namespace": TEXT, "name": TEXT, "selector": LABEL_SELECTOR},
    required=("apiVersion", "kind"),
    checks=(_named_or_selected,),
)
BINDING_SPEC = Fields(
    {"subject": _SUBJECT, "sink": DESTINATION, "ceOverrides": _OVERRIDES}, required=("subject", "sink")
)
_JOB: dict[str, Rule] = {
    "apiVersion": TEXT,
    "kind": TEXT,
    "metadata": JOB_TEMPLATE_METADATA,
    "spec": JOB_SPEC,
}
JOB_SINK_SPEC = Fields({"job": Fields(_JOB, required=("spec",))}, required=("job",))
