"""Small rules: places, traffic, cron, selectors, plans, environments, names, logs, ports."""

from __future__ import annotations

import base64
import io
import json
import math
import random
import socket
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventing.event import Event
from knative.local import log
from knative.local.addresses import Addresses
from knative.local.api.selectors import selection_of
from knative.local.errors import CannotStart, PortInUse, Refused
from knative.local.gateway.targets import Target, name_inside, target_inside, target_of
from knative.local.jobs.sink import job_name
from knative.local.options import parse
from knative.local.processes.environment import container_environment, expand_arguments, inherited
from knative.local.processes.logs import last_lines, rotate
from knative.local.processes.ports import free_port, listen
from knative.local.resources.journal import Journal
from knative.local.resources.kinds import CONFIG_MAP, PING_SOURCE, SECRET
from knative.local.resources.names import go_duration_s
from knative.local.resources.objects import Key
from knative.local.resources.store import Store
from knative.local.services.plan import Defaults, Probe, command_of, plan_of
from knative.local.services.traffic import split_of, tags_of
from knative.local.sources.ping import next_tick, ping, seconds_to_tick, source_of
from knative.local.strangers import is_loopback


def outside(kind: Any, *parts: str) -> Target:
    return Target(kind, *parts, from_outside=True)


@pytest.mark.parametrize(
    ("host", "target", "place"),
    [
        ("churn.kascade.localhost:8080", "/a?b=c", outside("service", "kascade", "churn", "/a?b=c")),
        ("CANARY-churn.kascade.localhost", "/", outside("service", "kascade", "canary-churn", "/")),
        ("churn.kascade.svc.cluster.local", "/", Target("nowhere")),
        (
            "127.0.0.1:8080",
            "/-/services/kascade/churn/v2/x?y=/z",
            Target("service", "kascade", "churn", "/v2/x?y=/z"),
        ),
        ("127.0.0.1", "/-/services/kascade/churn", Target("service", "kascade", "churn", "/")),
        ("127.0.0.1", "/-/services/kascade/churn?a=1", Target("service", "kascade", "churn", "/?a=1")),
        ("localhost:1", "/kascade/default", Target("broker", "kascade", "default")),
        ("[::1]:1", "/kascade/default/", Target("broker", "kascade", "default")),
        (
            "broker-ingress.knative-eventing.localhost",
            "/kascade/default",
            outside("broker", "kascade", "default"),
        ),
        ("127.0.0.1", "/a/b/c", Target("broker", path="/a/b/c")),
        ("127.0.0.1", "/-/jobsinks/kascade/train", Target("jobsink", "kascade", "train")),
        (
            "job-sink.knative-eventing.localhost:8080",
            "/kascade/train",
            outside("jobsink", "kascade", "train"),
        ),
        ("127.0.0.1:8080", "/", Target("index")),
        ("example.org", "/kascade/default", Target("nowhere")),
        ("a.b.c.localhost", "/", outside("nowhere")),
        ("127.0.0.1", "/-/elsewhere/a/b", Target("nowhere")),
    ],
)
def test_host_and_path_say_where_a_request_goes(host: str, target: str, place: Target) -> None:
    assert target_of(host, target) == place


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("churn.kascade.svc.cluster.local", Target("service", "kascade", "churn", "/a?b")),
        ("canary-churn.kascade.svc", Target("service", "kascade", "canary-churn", "/a?b")),
        ("broker-ingress.knative-eventing.svc.cluster.local", Target("broker", path="/a?b")),
        ("a.b.c.svc.cluster.local", Target("nowhere")),
        ("churn.kascade.localhost", None),
        ("127.0.0.1", None),
        ("example.org", None),
    ],
)
def test_names_inside_the_cluster_lead_to_services_brokers_and_job_sinks(
    host: str, place: Target | None
) -> None:
    assert target_inside(host, "/a?b") == place


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("churn.kascade.localhost:8080", "churn.kascade.svc.cluster.local"),
        ("localhost", None),
        ("ear.localhost", None),
        ("churn.kascade.svc.cluster.local", None),
        ("example.org", None),
    ],
)
def test_a_name_for_outsiders_has_one_inside(host: str, inside: str | None) -> None:
    assert name_inside(host) == inside


@pytest.mark.parametrize(
    ("uri", "reachable"),
    [
        ("http://a.ns.svc.cluster.local", "http://127.0.0.1:80/-/services/ns/a"),
        ("http://t-a.ns.svc/x?y=1", "http://127.0.0.1:80/-/services/ns/t-a/x?y=1"),
        ("http://broker-ingress.knative-eventing.svc.cluster.local/ns/b", "http://127.0.0.1:80/ns/b"),
        ("http://job-sink.knative-eventing.svc.cluster.local/ns/j", "http://127.0.0.1:80/-/jobsinks/ns/j"),
        ("http://example.org/x", "http://example.org/x"),
    ],
)
def test_a_process_is_told_what_it_can_resolve(uri: str, reachable: str) -> None:
    assert Addresses(80).reachable(uri) == reachable


@settings(max_examples=200, deadline=None)
@given(host=st.text(max_size=30), target=st.text(max_size=40))
def test_no_host_or_path_breaks_the_routing(host: str, target: str) -> None:
    assert target_of(host, target).kind in ("service", "broker", "jobsink", "index", "nowhere")


def test_a_destination_s_uri_lies_below_its_object() -> None:
    addresses = Addresses(80)
    ref = {"kind": "Service", "name": "ledger"}
    assert (
        addresses.destination({"ref": ref, "uri": "/dead?x=1"}, "ns")
        == "http://127.0.0.1:80/-/services/ns/ledger/dead?x=1"
    )
    assert (
        addresses.destination({"ref": {**ref, "namespace": "o"}}, "ns")
        == "http://127.0.0.1:80/-/services/o/ledger"
    )
    assert addresses.destination({"uri": "http://a/b"}, "ns") == "http://a/b"
    with pytest.raises(LookupError):
        addresses.of("Deployment", "ns", "a")


@settings(max_examples=20, deadline=None)
@given(percent=st.integers(1, 99), seed=st.integers(0, 2**32))
def test_shares_are_drawn_as_their_percents_say(percent: int, seed: int) -> None:
    split = split_of(
        [{"revisionName": "a", "percent": percent}, {"revisionName": "b", "percent": 100 - percent}]
    )
    draw, count = random.Random(seed), 4000
    seen = Counter(split.pick(draw) for _ in range(count))
    expected = {"a": count * percent / 100, "b": count * (100 - percent) / 100}
    chi_square = sum((seen[name] - wanted) ** 2 / wanted for name, wanted in expected.items())
    assert math.erfc(math.sqrt(chi_square / 2)) > 1e-7


def test_a_target_without_percent_takes_no_part_but_keeps_its_tag() -> None:
    targets = [
        {"revisionName": "a", "percent": 60},
        {"revisionName": "a", "percent": 40},
        {"revisionName": "b", "percent": 0, "tag": "shadow"},
    ]
    split = split_of(targets)
    assert split.pick(random.Random(1)) == "a"
    assert split.revisions == ("a",)
    assert tags_of(targets) == {"shadow": "b"}
    assert split_of([]).pick(random.Random(1)) is None


@pytest.mark.parametrize(
    ("schedule", "zone", "now", "due"),
    [
        ("*/5 * * * *", "UTC", "2026-01-01T00:01:02", "2026-01-01T00:05:00"),
        ("*/5 * * * * *", "UTC", "2026-01-01T00:01:02", "2026-01-01T00:01:05"),
        ("0 30 2 * * *", "Europe/Berlin", "2026-01-01T00:00:00", "2026-01-01T02:30:00"),
        ("@hourly", "UTC", "2026-01-01T00:01:02", "2026-01-01T01:00:00"),
    ],
)
def test_cron_lines_have_five_fields_or_six_with_seconds_first(
    schedule: str, zone: str, now: str, due: str
) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=ZoneInfo(zone))
    assert next_tick(schedule, moment) == datetime.fromisoformat(due).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("now", "hours"), [("2026-10-24T13:00", 24), ("2026-03-28T13:00", 22), ("2026-07-01T13:00", 23)]
)
def test_a_daily_ping_keeps_its_hour_when_the_clocks_change(now: str, hours: int) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    assert seconds_to_tick("0 12 * * *", moment) == hours * 3600


def test_a_ping_carries_its_data_and_overrides() -> None:
    key = Key(PING_SOURCE, "ns", "tick")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    event = ping(key, {"dataBase64": base64.b64encode(b"\x00x").decode(), "contentType": "a/b"}, now)
    assert (event.data, event.datacontenttype, event.time) == (b"\x00x", "a/b", now)
    assert event.source == source_of(key) == "/apis/v1/namespaces/ns/pingsources/tick"
    assert ping(key, {"ceOverrides": {"extensions": {"a": "b"}}}, now).extensions == {"a": "b"}
    assert ping(key, {}, now).data is None


def test_a_job_is_named_by_its_sink_and_the_event_s_source_and_id() -> None:
    one = Event(id="1", source="/a", type="t")
    assert job_name("train", one) == job_name("train", Event(id="1", source="/a", type="other"))
    assert (
        len(
            {
                job_name("train", Event(id=i, source=s, type="t"))
                for i, s in (("1", "/a"), ("2", "/a"), ("1", "/b"), ("a1", "/"))
            }
        )
        == 4
    )
    assert len(job_name("x" * 80, one)) <= 63
    assert job_name("x" * 50 + "-churn", one) != job_name("x" * 50 + "-fraud", one)


@pytest.mark.parametrize(
    ("query", "labels", "holds"),
    [
        ({"labelSelector": "a=b,c!=d"}, {"a": "b"}, True),
        ({"labelSelector": "a==b"}, {"a": "c"}, False),
        ({"labelSelector": "a in (b, c),x"}, {"a": "c", "x": ""}, True),
        ({"labelSelector": "a notin (b,c)"}, {"a": "c"}, False),
        ({"labelSelector": "!a"}, {"a": "c"}, False),
        ({"fieldSelector": "metadata.name=thing"}, {}, True),
        ({"fieldSelector": "metadata.name!=thing"}, {}, False),
        ({}, {}, True),
    ],
)
def test_selectors_select(query: dict[str, str], labels: dict[str, str], holds: bool) -> None:
    assert selection_of(query).holds({"metadata": {"name": "thing", "labels": labels}}) is holds


def test_a_selector_of_another_field_is_refused() -> None:
    with pytest.raises(Refused, match=r"status\.phase"):
        selection_of({"fieldSelector": "status.phase=Running"})
    with pytest.raises(Refused, match="no field selector"):
        selection_of({"fieldSelector": "name"})


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:80", True),
        ("localhost", True),
        ("[::1]:80", True),
        ("example.org", False),
        ("", False),
        ("a[", False),
        ("localhost.evil", False),
    ],
)
def test_only_this_machine_s_names_are_ours(host: str, ours: bool) -> None:
    assert is_loopback(host) is ours


def template(container: dict[str, Any], notes: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"annotations": notes or {}}, "spec": {"containers": [container], **spec}}


def test_a_plan_reads_scale_limits_and_probe_from_the_template() -> None:
    notes = {
        "autoscaling.knative.dev/min-scale": "1",
        "autoscaling.knative.dev/max-scale": "0",
        "autoscaling.knative.dev/target": "80",
        "autoscaling.knative.dev/window": "1m30s",
        "autoscaling.knative.dev/scale-down-delay": "2m",
        "serving.knative.dev/progress-deadline": "10s",
    }
    probe = {"httpGet": {"path": "/up", "httpHeaders": [{"name": "A", "value": "b"}]}, "timeoutSeconds": 3}
    probe |= {"periodSeconds": 5, "successThreshold": 2, "failureThreshold": 4}
    made = plan_of(
        template(
            {"image": "x", "command": ["true"], "args": ["a"], "readinessProbe": probe},
            notes,
            containerConcurrency=10,
            timeoutSeconds=30,
            responseStartTimeoutSeconds=5,
        ),
        Defaults(),
    )
    assert (made.min_scale, made.max_scale, made.target, made.idle_s) == (1, math.inf, 10, 120.0)
    assert (made.timeout_s, made.progress_deadline_s, made.command.argv) == (5.0, 10.0, ("true", "a"))
    assert made.probe == Probe("/up", (("A", "b"),), 3.0, 0.0, 5.0, 2, 4)
    plain = plan_of(template({"image": "x", "command": ["true"]}), Defaults(idle_s=7, max_scale=3))
    assert (plain.concurrency, plain.target, plain.idle_s, plain.max_scale, plain.probe.path) == (
        0,
        100.0,
        7.0,
        3,
        None,
    )


def test_an_image_leads_to_the_function_of_its_name() -> None:
    command = command_of(
        {"image": "ghcr.io:443/kascade/serve-model@sha256:1", "args": ["a"], "workingDir": "/tmp"}
    )
    assert command.argv[1:] == ("-m", "functions.serve_model", "a")
    assert command.folder == "/tmp"
    with pytest.raises(CannotStart, match="functions/none"):
        command_of({"image": "kascade/none"})


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60.0), ("1m30s", 90.0), ("1.5h", 5400.0), ("250ms", 0.25)]
)
def test_go_durations_are_read(text: str, seconds: float) -> None:
    assert go_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "1d", "1m 30s"])
def test_what_is_no_go_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        go_duration_s(text)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    journal = Journal(tmp_path / "objects.db")
    yield Store(journal)
    journal.close()


def test_variables_come_from_maps_secrets_fields_and_each_other(store: Store) -> None:
    store.create(Key(CONFIG_MAP, "ns", "m"), {"metadata": {"name": "m"}, "data": {"A": "1", "B": "2"}})
    store.create(
        Key(SECRET, "ns", "s"), {"metadata": {"name": "s"}, "data": {"K": base64.b64encode(b"v").decode()}}
    )
    container: dict[str, Any] = {
        "envFrom": [
            {"configMapRef": {"name": "m"}},
            {"secretRef": {"name": "s"}, "prefix": "S_"},
            {"configMapRef": {"name": "no", "optional": True}},
        ],
        "env": [
            {"name": "A", "value": "$(B)-$(UNKNOWN)-$$(B)"},
            {"name": "K", "valueFrom": {"secretKeyRef": {"name": "s", "key": "K"}}},
            {"name": "M", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "B"}}},
            {"name": "N", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "no", "optional": True}}},
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "EMPTY"},
        ],
    }
    values = container_environment(container, "ns", "me", store)
    assert values == {
        "A": "2-$(UNKNOWN)-$(B)",
        "B": "2",
        "S_K": "v",
        "K": "v",
        "M": "2",
        "NAME": "me",
        "EMPTY": "",
    }
    assert expand_arguments(("--k=$(K)", "$(NO)"), values) == ("--k=v", "$(NO)")
    for missing in (
        {"envFrom": [{"secretRef": {"name": "no"}}]},
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "no"}}}]},
    ):
        with pytest.raises(CannotStart):
            container_environment(missing, "ns", "me", store)


def test_a_process_inherits_paths_and_locale_but_no_secrets() -> None:
    environ = {"PATH": "/bin", "HOME": "/h", "AWS_SECRET_ACCESS_KEY": "x", "KASCADE_THREADS": "2"}
    assert inherited(environ) == {"PATH": "/bin", "HOME": "/h", "KASCADE_THREADS": "2"}


def test_a_log_beyond_its_size_moves_aside_while_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("ab") as writer:
        writer.write(b"old line\n" * 10)
        writer.flush()
        rotate(path, max_bytes=50)
        writer.write(b"new line\n")
        writer.flush()
    assert path.read_bytes() == b"new line\n"
    assert (tmp_path / "a.log.1").read_bytes() == b"old line\n" * 10
    rotate(path, max_bytes=50)
    assert path.exists()
    assert last_lines(path) == "new line"
    assert last_lines(tmp_path / "none") == ""


def test_free_ports_are_not_given_twice_in_a_row() -> None:
    assert len({free_port() for _ in range(20)}) == 20


def test_a_free_port_is_none_that_the_system_gives_to_others_meanwhile() -> None:
    assert 20_000 <= free_port() < 32_768


def test_a_port_that_is_held_says_by_whom() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse) as caught:
            listen(port, "--gateway-port")
    assert f"port {port} is in use by" in str(caught.value)
    assert "--gateway-port (0 takes a free one)" in str(caught.value)


def test_people_get_words_and_programs_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    plain, terminal = io.StringIO(), Terminal()
    for stream in (plain, terminal):
        log.configure(stream)
        log.say("revision ready", revision="a", seconds=1.5)
        log.warn("job failed", job="b")
    lines = [json.loads(line) for line in plain.getvalue().splitlines()]
    assert [(line["level"], line["what"]) for line in lines] == [
        ("info", "revision ready"),
        ("warning", "job failed"),
    ]
    assert lines[0]["revision"] == "a"
    assert "revision ready" in terminal.getvalue()
    assert "{" not in terminal.getvalue()


def test_options_are_read_and_wrong_ones_end_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    options = parse(["--manifests", "a", "--manifests", "b", "--config-map", "c", "--gateway-port", "0"])
    assert (options.manifests, options.config, options.gateway_port) == (
        (Path("a"), Path("b")),
        (Path("c"),),
        0,
    )
    for wrong in (["--gateway-port", "70000"], ["--max-jobs", "0"]):
        with pytest.raises(SystemExit) as caught:
            parse(["--manifests", "a", *wrong])
        assert caught.value.code == 2
    assert "between 0 and 65535" in capsys.readouterr().err
