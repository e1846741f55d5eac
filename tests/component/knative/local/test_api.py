"""The API, spoken to by the real `kubernetes` client and the real `kubectl`."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from kubernetes import client, config, watch

from .conftest import JOBS, REVISIONS, SERVICES, Local, until

KNATIVE = ("serving.knative.dev", "v1", "default", "services")


@pytest.fixture(scope="module")
def local(make_local: Callable[..., Local]) -> Iterator[Local]:
    local = make_local()
    local.write(
        local.service("written"),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "settings", "namespace": "default"},
            "data": {"LEVEL": "1"},
        },
    )
    yield local.start()
    assert local.stop() == 0


@pytest.fixture(scope="module")
def api(local: Local) -> client.CustomObjectsApi:
    return client.CustomObjectsApi(config.new_client_from_config(str(local.state / "kubeconfig")))


def refused(call: Callable[[], Any]) -> tuple[int, dict[str, Any]]:
    with pytest.raises(client.ApiException) as caught:
        call()
    return caught.value.status, json.loads(caught.value.body)


def test_the_kubernetes_client_creates_reads_changes_and_deletes_services(
    local: Local, api: client.CustomObjectsApi
) -> None:
    made = api.create_namespaced_custom_object(
        *KNATIVE, local.service("churn", revision="churn-v1", env={"V": "1"})
    )
    assert made["metadata"]["uid"]
    assert made["metadata"]["generation"] == 1
    until(lambda: local.ready(f"{SERVICES}/churn")[0] == "True")

    body = local.service("churn", revision="churn-v2", env={"V": "2"})
    changed = api.patch_namespaced_custom_object(*KNATIVE, "churn", {"spec": body["spec"]})
    assert changed["metadata"]["generation"] == 2
    until(
        lambda: (
            api.get_namespaced_custom_object(*KNATIVE, "churn")["status"]["latestReadyRevisionName"]
            == "churn-v2"
        )
    )
    assert [s["metadata"]["name"] for s in api.list_namespaced_custom_object(*KNATIVE)["items"]] == [
        "churn",
        "written",
    ]

    api.patch_namespaced_custom_object(*KNATIVE, "churn", {"metadata": {"labels": {"team": "a"}}})
    operations = [{"op": "add", "path": "/metadata/labels/by", "value": "patch"}]
    headers = {"Content-Type": "application/json-patch+json"}
    assert local.api("PATCH", f"{SERVICES}/churn", json=operations, headers=headers).status_code == 200
    found = api.list_namespaced_custom_object(*KNATIVE, label_selector="team in (a, b)")
    assert [s["metadata"]["name"] for s in found["items"]] == ["churn"]

    current = api.get_namespaced_custom_object(*KNATIVE, "churn")
    creator = current["metadata"]["annotations"].pop("serving.knative.dev/creator")
    status, body = refused(lambda: api.replace_namespaced_custom_object(*KNATIVE, "churn", current))
    assert (status, "annotation value is immutable" in body["message"]) == (400, True)
    current["metadata"]["annotations"]["serving.knative.dev/creator"] = creator
    current["metadata"]["annotations"]["note"] = "x"
    api.replace_namespaced_custom_object(*KNATIVE, "churn", current)
    status, body = refused(lambda: api.replace_namespaced_custom_object(*KNATIVE, "churn", current))
    assert (status, body["reason"]) == (409, "Conflict")

    api.delete_namespaced_custom_object(*KNATIVE, "churn")
    status, body = refused(lambda: api.get_namespaced_custom_object(*KNATIVE, "churn"))
    assert (status, body["reason"], body["details"]["name"]) == (404, "NotFound", "churn")


def test_refusals_are_statuses_that_name_the_field(local: Local, api: client.CustomObjectsApi) -> None:
    body = local.service("strict")
    body["spec"]["template"]["spec"]["containers"][0]["tty"] = True
    body["spec"]["template"]["spec"]["containerConcurency"] = 1
    status, told = refused(lambda: api.create_namespaced_custom_object(*KNATIVE, body))
    assert (status, told["reason"]) == (422, "Invalid")
    assert {cause["field"] for cause in told["details"]["causes"]} == {
        "spec.template.spec.containers[0].tty",
        "spec.template.spec.containerConcurency",
    }
    assert "did you mean containerConcurrency?" in told["message"]

    status, told = refused(lambda: api.create_namespaced_custom_object(*KNATIVE, local.service("written")))
    assert (status, told["reason"]) == (409, "AlreadyExists")

    elsewhere = local.service("lost")
    elsewhere["metadata"]["namespace"] = "nowhere"
    status, told = refused(
        lambda: api.create_namespaced_custom_object(
            "serving.knative.dev", "v1", "nowhere", "services", elsewhere
        )
    )
    assert (status, told["details"]["kind"]) == (404, "namespaces")


def test_a_named_revision_cannot_be_changed_without_a_new_name(
    local: Local, api: client.CustomObjectsApi
) -> None:
    api.create_namespaced_custom_object(*KNATIVE, local.service("named", revision="named-v1"))
    body = local.service("named", revision="named-v1", env={"V": "2"})
    status, told = refused(
        lambda: api.patch_namespaced_custom_object(*KNATIVE, "named", {"spec": body["spec"]})
    )
    assert (status, told["reason"]) == (400, "BadRequest")
    assert told["message"].startswith(
        'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: '
        "Saw the following changes without a name change (-old +new): spec.template.metadata.name\n"
        "{*v1.RevisionTemplateSpec}.Spec.PodSpec.Containers[0]."
    )


def test_a_patch_that_drops_the_defaults_of_a_named_revision_is_refused(
    local: Local, api: client.CustomObjectsApi
) -> None:
    """The same template again: a merge patch replaces lists whole, and under a kept name nothing is added."""
    body = local.service("kept", revision="kept-v1")
    body["spec"]["template"]["spec"]["containers"][0].pop("env")
    made = api.create_namespaced_custom_object(*KNATIVE, body)

    status, told = refused(
        lambda: api.patch_namespaced_custom_object(*KNATIVE, "kept", {"spec": body["spec"]})
    )

    container = "{*v1.RevisionTemplateSpec}.Spec.PodSpec.Containers[0]"
    assert (status, told["reason"]) == (400, "BadRequest")
    assert told["message"] == (
        'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: '
        "Saw the following changes without a name change (-old +new): spec.template.metadata.name\n"
        f'{container}.Name:\n\t-: "user-container"\n\t+: ""\n'
        f'{container}.ReadinessProbe.SuccessThreshold:\n\t-: "1"\n\t+: "0"\n\n'
        "expected 1 <= 0 <= 2147483647: spec.template.spec.containers[0].readinessProbe.successThreshold"
    )
    patch = {"spec": {"template": made["spec"]["template"], "traffic": made["spec"]["traffic"]}}
    same = api.patch_namespaced_custom_object(*KNATIVE, "kept", patch)
    assert same["metadata"]["generation"] == 1


def test_what_the_webhook_says_of_several_places_it_says_once(
    local: Local, api: client.CustomObjectsApi
) -> None:
    body = local.service("wrong", env={"PORT": "1"})
    body["spec"]["template"]["spec"] |= {"nodeSelector": {"a": "b"}, "terminationGracePeriodSeconds": 3}
    status, told = refused(lambda: api.create_namespaced_custom_object(*KNATIVE, body))
    spec = "spec.template.spec"
    assert (status, told["message"].partition("validation failed: ")[2]) == (
        400,
        f'"PORT" is a reserved environment variable: {spec}.containers[0].env[0].name\n'
        f"must not set the field(s): {spec}.nodeSelector, {spec}.terminationGracePeriodSeconds",
    )


def test_the_api_answers_objects_with_the_defaults_of_the_webhooks(
    local: Local, api: client.CustomObjectsApi
) -> None:
    body = local.service("filled")
    made = api.create_namespaced_custom_object(*KNATIVE, body)
    template = made["spec"]["template"]["spec"]
    container = template["containers"][0]
    assert made["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]
    assert (template["timeoutSeconds"], template["containerConcurrency"]) == (300, 0)
    assert template["enableServiceLinks"] is False
    assert (container["name"], container["resources"]) == ("user-container", {})
    assert container["readinessProbe"] == {
        "httpGet": {"path": "/readyz", "port": 0},
        "successThreshold": 1,
    }
    written = local.object(f"{SERVICES}/written")
    assert written["spec"]["template"]["spec"] == template


def test_a_watch_tells_what_happens_from_a_version_on(local: Local, api: client.CustomObjectsApi) -> None:
    version = api.list_namespaced_custom_object(*KNATIVE)["metadata"]["resourceVersion"]
    api.create_namespaced_custom_object(*KNATIVE, local.service("watched"))
    seen = []
    stream = watch.Watch().stream(
        api.list_namespaced_custom_object, *KNATIVE, resource_version=version, timeout_seconds=20
    )
    for event in stream:
        if event["object"]["metadata"]["name"] != "watched":
            continue  # one that another test has just made
        seen.append((event["type"], event["object"]["metadata"]["name"]))
        if event["type"] == "ADDED":
            api.delete_namespaced_custom_object(*KNATIVE, "watched")
        if event["type"] == "DELETED":
            break
    stream.close()
    assert seen[0] == ("ADDED", "watched")
    assert seen[-1] == ("DELETED", "watched")


def test_a_watch_with_a_selector_tells_when_an_object_enters_and_leaves_it(local: Local) -> None:
    maps = "/api/v1/namespaces/default/configmaps"
    made = {"metadata": {"name": "moving", "labels": {"colour": "red"}}}
    version = local.api("POST", maps, json=made).json()["metadata"]["resourceVersion"]
    for change in (
        {"labels": {"colour": "blue"}},
        {"annotations": {"a": "b"}},
        {"labels": {"colour": "red"}},
    ):
        headers = {"Content-Type": "application/merge-patch+json"}
        assert local.api("PATCH", f"{maps}/moving", json={"metadata": change}, headers=headers).ok
    local.api("DELETE", f"{maps}/moving")

    def told(colour: str) -> list[tuple[str, str]]:
        query = f"watch=1&timeoutSeconds=1&resourceVersion={version}&labelSelector=colour%3D{colour}"
        lines = [json.loads(line) for line in local.api("GET", f"{maps}?{query}").text.splitlines()]
        return [(line["type"], line["object"]["metadata"]["labels"]["colour"]) for line in lines]

    assert told("red") == [("DELETED", "red"), ("ADDED", "red"), ("DELETED", "red")]
    assert told("blue") == [("ADDED", "blue"), ("MODIFIED", "blue"), ("DELETED", "blue")]


@pytest.mark.parametrize("path", [f"{SERVICES}/written", f"{JOBS}/any"])
def test_a_patch_of_a_type_that_the_kind_does_not_know_is_refused(local: Local, path: str) -> None:
    kind = "strategic-merge-patch" if path.startswith(SERVICES) else "unheard-of"
    headers = {"Content-Type": f"application/{kind}+json"}
    answer = local.api("PATCH", path, json={"metadata": {"labels": {"a": "b"}}}, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (415, "UnsupportedMediaType")
    assert "application/merge-patch+json" in answer.json()["message"]


def test_a_page_from_elsewhere_cannot_drive_the_api(local: Local) -> None:
    for headers in ({"Origin": "https://example.org"}, {"Host": "example.org"}, {"Origin": "null"}):
        answer = local.api("GET", SERVICES, headers=headers)
        assert (answer.status_code, answer.json()["reason"]) == (403, "Forbidden")


def test_revisions_are_read_but_not_written(local: Local) -> None:
    until(lambda: local.api("GET", f"{REVISIONS}/written-00001").status_code == 200)
    body = {"metadata": {"name": "mine"}, "spec": {}}
    assert local.api("POST", REVISIONS, json=body).status_code == 400
    assert local.api("PUT", f"{SERVICES}/written/status", json={}).status_code == 400


def test_a_dry_run_changes_nothing(local: Local) -> None:
    assert local.api("POST", f"{SERVICES}?dryRun=All", json=local.service("dry")).status_code == 201
    assert local.api("GET", f"{SERVICES}/dry").status_code == 404


@pytest.mark.parametrize(
    "path", ["/nothing", "/apis/apps/v1", "/apis/apps/v1/namespaces/default/deployments"]
)
def test_what_is_not_there_is_a_status_404(local: Local, path: str) -> None:
    answer = local.api("GET", path)
    assert answer.status_code == 404
    assert answer.json()["kind"] == "Status"


def test_what_the_api_made_survives_kill_9(make_local: Callable[..., Local]) -> None:
    local = make_local()
    local.write(local.service("base"))
    local.start()
    made = local.api("POST", SERVICES, json=local.service("kept", revision="kept-v1", env={"V": "1"})).json()
    until(lambda: local.ready(f"{SERVICES}/kept")[0] == "True")
    assert local.get("kept").status_code == 200
    local.stop(signal.SIGKILL)
    until(lambda: not local.children(), what="no process is left behind")

    local.start()

    kept = local.object(f"{SERVICES}/kept")
    assert kept["metadata"]["uid"] == made["metadata"]["uid"]
    assert kept["status"]["latestReadyRevisionName"] == "kept-v1"
    assert not [c for c, env in local.environs().items() if env.get("K_SERVICE") == "kept"]
    assert local.get("kept").json()["env"]["V"] == "1"
    assert requests.get(f"{local.endpoints['api']}/version", timeout=10).json()["major"] == "1"
    local.stop()
