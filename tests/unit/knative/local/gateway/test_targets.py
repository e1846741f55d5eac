"""Where a request goes: by its host and path, from outside and from inside the cluster."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knative.local.gateway.targets import Target, name_inside, target_inside, target_of


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


@settings(max_examples=200, deadline=None)
@given(host=st.text(max_size=30), target=st.text(max_size=40))
def test_no_host_or_path_breaks_the_routing(host: str, target: str) -> None:
    assert target_of(host, target).kind in ("service", "broker", "jobsink", "index", "nowhere")
