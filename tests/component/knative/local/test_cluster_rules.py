"""What only a cluster used to refuse or to let wait: each test is a fault that a laptop must show, too."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from .conftest import REVISIONS, SERVICES, Local, records, until
from .test_events import BROKER, EVENTING, object_of, to, trigger

pytestmark = pytest.mark.slow

BINDINGS = "/apis/sources.knative.dev/v1/namespaces/default/sinkbindings"
NEEDY = """
import os, sys
if not os.environ.get("K_SINK"):
    print("K_SINK is missing", flush=True)
    sys.exit(3)
exec(open(sys.argv[1]).read())
"""


def binding(name: str, service: str, sink: dict[str, Any]) -> dict[str, Any]:
    subject = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": service}
    return object_of("sources.knative.dev/v1", "SinkBinding", name, {"subject": subject, "sink": sink})


def broker(**delivery: Any) -> dict[str, Any]:
    return object_of("eventing.knative.dev/v1", "Broker", "default", {"delivery": delivery})


def needy(local: Local, name: str, **more: Any) -> dict[str, Any]:
    """Return a Service whose processes do not start without a sink."""
    service = local.service(name, **more)
    container = service["spec"]["template"]["spec"]["containers"][0]
    container["command"] = [sys.executable, "-c", NEEDY, str(local.program)]
    return service


KEPT = {"autoscaling.knative.dev/min-scale": "1"}


def test_a_service_that_needs_the_sink_which_waits_for_it_never_starts(
    make_local: Callable[..., Local],
) -> None:
    local = make_local()
    local.write(
        broker(deadLetterSink=to("Service", "ledger", uri="/dead")),
        needy(local, "ledger", annotations=KEPT),
        binding("all", "ledger", BROKER),
        trigger("all", to("Service", "ledger")),
    )
    local.start()

    status, reason, message = local.ready(f"{SERVICES}/ledger")
    assert (status, reason) == ("False", "RevisionFailed")
    assert "K_SINK is missing" in message
    status, _, message = local.ready(f"{EVENTING}/brokers/default")
    assert status == "False"
    assert '"ledger" has no address yet' in message
    assert "address" not in local.object(f"{EVENTING}/brokers/default")["status"]
    assert local.ready(f"{EVENTING}/triggers/all")[0] == "False"
    assert local.ready(f"{BINDINGS}/all")[0] == "False"
    answer = local.send("/default/default")
    assert (answer.status_code, "has no address yet" in answer.text) == (500, True)
    assert "not everything is ready" in local.output()
    local.stop()


def test_one_that_starts_without_its_sink_gets_it_once_the_broker_has_its_address(
    make_local: Callable[..., Local],
) -> None:
    local = make_local()
    local.write(
        broker(deadLetterSink=to("Service", "ledger", uri="/dead")),
        local.service("ledger", annotations=KEPT, env={"RECORD": str(local.folder / "ledger")}),
        binding("all", "ledger", BROKER),
        trigger("all", to("Service", "ledger")),
    )
    local.start()

    assert local.ready(f"{EVENTING}/triggers/all")[0] == "True"
    assert local.send("/default/default", "first").status_code == 202
    assert until(lambda: records(local.folder / "ledger"))[0]["headers"]["ce-id"] == "first"
    until(lambda: local.get("ledger").json()["env"].get("K_SINK"), what="its processes were replaced")
    local.stop()


@pytest.fixture(scope="module")
def local(make_local: Callable[..., Local]) -> Iterator[Local]:
    local = make_local("--lag-s", "1")
    settings = {"K_SINK": "http://elsewhere/", "K_CE_OVERRIDES": "{}", "OTHER": "kept"}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "broker", "namespace": "default"}}
    bound = local.service("bound", env={"K_SINK": "http://own/", "K_CA_CERTS": "own"})
    bound["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "broker"}}]
    inside = "http://broker-ingress.knative-eventing.svc.cluster.local/default/default"
    local.write(
        {**config, "data": settings},
        bound,
        binding("all", "bound", {"uri": inside}),
        broker(retry=0, deadLetterSink={"uri": "http://morgue.default.svc.cluster.local/dead"}),
        local.service("ear", env={"RECORD": str(local.folder / "ear")}),
        local.service("morgue", env={"RECORD": str(local.folder / "morgue")}),
        local.service("hidden", labels={"networking.knative.dev/visibility": "cluster-local"}),
    )
    yield local.start()
    assert local.stop() == 0


def test_a_revision_appears_after_the_api_has_answered(local: Local) -> None:
    body = local.service("slow", revision="slow-v1")
    assert local.api("POST", SERVICES, json=body).status_code == 201
    assert local.api("GET", f"{REVISIONS}/slow-v1").status_code == 404
    assert "status" not in local.object(f"{SERVICES}/slow")

    until(lambda: local.object(f"{SERVICES}/slow").get("status"))
    # Observed, but only by the first controller: the revision is still to come.
    assert local.ready(f"{SERVICES}/slow")[:2] == ("Unknown", "OutOfDate")
    assert local.object(f"{SERVICES}/slow")["status"]["observedGeneration"] == 1
    assert local.api("GET", f"{REVISIONS}/slow-v1").status_code == 404
    until(lambda: local.api("GET", f"{REVISIONS}/slow-v1").status_code == 200)
    until(lambda: local.ready(f"{SERVICES}/slow")[0] == "True")

    patch = {"spec": local.service("slow", revision="slow-v2")["spec"]}
    headers = {"Content-Type": "application/merge-patch+json"}
    assert local.api("PATCH", f"{SERVICES}/slow", json=patch, headers=headers).status_code == 200
    stale = local.object(f"{SERVICES}/slow")
    assert stale["metadata"]["generation"] == 2
    assert stale["status"]["observedGeneration"] == 1
    assert local.ready(f"{SERVICES}/slow")[0] == "True"
    assert local.api("GET", f"{REVISIONS}/slow-v2").status_code == 404
    until(lambda: local.object(f"{SERVICES}/slow")["status"]["latestReadyRevisionName"] == "slow-v2")


def test_a_name_that_another_template_has_is_taken_and_traffic_stays(local: Local) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    assert local.api("POST", SERVICES, json=local.service("taken", revision="taken-v1")).status_code == 201
    for revision, env in (("taken-v2", {}), ("taken-v1", {"V": "other"})):
        until(lambda: local.ready(f"{SERVICES}/taken")[0] == "True")
        patch = {"spec": local.service("taken", revision=revision, env=env)["spec"]}
        assert local.api("PATCH", f"{SERVICES}/taken", json=patch, headers=headers).status_code == 200
        generation = local.object(f"{SERVICES}/taken")["metadata"]["generation"]
        until(
            lambda g=generation: (
                local.object(f"{SERVICES}/taken")["status"]["observedGeneration"] == g
                and local.ready(f"{SERVICES}/taken")[1] != "OutOfDate"
            )
        )
    status, reason, message = local.ready(f"{SERVICES}/taken")
    assert (status, reason) == ("False", "RevisionNameTaken")
    assert message == (
        'The revision name "taken-v1" is taken by a conflicting Revision, so traffic will not be migrated'
    )
    assert local.object(f"{SERVICES}/taken")["status"]["traffic"][0]["revisionName"] == "taken-v2"


def test_the_variables_of_a_sink_binding_come_before_all_others_of_their_names(local: Local) -> None:
    env = local.get("bound").json()["env"]
    # The name inside the cluster resolves nowhere for a process of this machine: it is told the path.
    assert env["K_SINK"] == f"{local.endpoints['broker']}/default/default"
    assert (env["K_CE_OVERRIDES"], env["OTHER"]) == ("", "kept")
    assert "K_CA_CERTS" not in env


def subscribe(local: Local, name: str, uri: str) -> None:
    made = trigger(name, {"uri": uri}, filters=[{"exact": {"type": f"test.{name}"}}])
    assert local.api("POST", f"{EVENTING}/triggers", json=made).status_code == 201
    until(lambda: local.ready(f"{EVENTING}/triggers/{name}")[0] == "True")
    assert local.send("/default/default", name, f"test.{name}").status_code == 202


def heard(local: Local, by: str, name: str) -> dict[str, Any]:
    found = until(lambda: [r for r in records(local.folder / by) if r["headers"]["ce-id"] == name])
    return dict(found[0])


@pytest.mark.parametrize("suffix", ["svc", "svc.cluster.local"])
def test_events_reach_services_and_tags_by_their_names_inside(local: Local, suffix: str) -> None:
    kind = suffix.replace(".", "")
    subscribe(local, f"byname{kind}", f"http://ear.default.{suffix}/in")
    told = heard(local, "ear", f"byname{kind}")
    assert (told["path"], told["headers"]["host"]) == ("/in", f"ear.default.{suffix}")

    traffic = [{"latestRevision": True, "percent": 100, "tag": "shadow"}]
    headers = {"Content-Type": "application/merge-patch+json"}
    local.api("PATCH", f"{SERVICES}/ear", json={"spec": {"traffic": traffic}}, headers=headers)
    until(lambda: local.object(f"{SERVICES}/ear")["status"]["traffic"][0].get("tag"))
    subscribe(local, f"bytag{kind}", f"http://shadow-ear.default.{suffix}/copy")
    assert heard(local, "ear", f"bytag{kind}")["path"] == "/copy"


def test_the_address_for_outsiders_leads_nowhere_from_inside(local: Local) -> None:
    url = local.object(f"{SERVICES}/ear")["status"]["url"]
    assert requests.get(local.endpoints["gateway"], headers={"Host": url[7:]}, timeout=30).status_code == 200
    subscribe(local, "outside", f"{url}/in")
    told = heard(local, "morgue", "outside")
    assert told["path"] == "/dead"
    why = base64.b64decode(told["headers"]["ce-knativeerrordata"]).decode()
    assert "nothing inside the cluster resolves" in why
    assert "use http://ear.default.svc.cluster.local/in" in why
    assert not [r for r in records(local.folder / "ear") if r["headers"]["ce-id"] == "outside"]


def test_a_name_of_nothing_is_not_found_from_inside(local: Local) -> None:
    subscribe(local, "nothing", "http://nobody.default.svc.cluster.local/")
    assert heard(local, "morgue", "nothing")["headers"]["ce-knativeerrorcode"] == "500"


def test_what_is_cluster_local_is_served_inside_only(local: Local) -> None:
    status = local.object(f"{SERVICES}/hidden")["status"]
    assert status["url"] == "http://hidden.default.svc.cluster.local"
    answer = local.get("hidden")
    assert (answer.status_code, "cluster-local" in answer.text) == (404, True)
    for name in ("hidden", "ear"):
        host = {"Host": f"{name}.default.svc.cluster.local"}
        assert requests.get(local.endpoints["gateway"], headers=host, timeout=30).status_code == 404
    assert requests.get(status["address"]["url"], timeout=30).json()["env"]["K_SERVICE"] == "hidden"
    index = requests.get(local.endpoints["gateway"], timeout=30).json()
    assert "default/hidden" not in index["services"]
