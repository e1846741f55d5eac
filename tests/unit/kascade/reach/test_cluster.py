"""What people type reaches a system on a cluster, and what is in the way is named."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import Result
from support.api_server import ApiServer, ready
from typer.testing import CliRunner
from werkzeug.wrappers import Response

from eventing import catalogue as c
from eventing.event import answer, originate
from kascade.cli import build

if TYPE_CHECKING:
    from conftest import Desk, Kubectl


def type_(*words: str) -> Result:
    return CliRunner().invoke(build(), list(words))


def refused(*words: str) -> str:
    """Type a command that does not succeed; return what it says."""
    done = type_(*words)
    assert done.exit_code == 1
    return str(done.exception)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_event_goes_to_the_brokers_own_address(desk: Desk, api: ApiServer) -> None:
    assert type_("send", "my.type", "--id", "7").output == "7\n"
    assert [event.id for event in desk.sent] == ["7"]
    assert api.asked[-1].endswith(
        "/namespaces/knative-eventing/services/http:broker-ingress:80/proxy/kascade/default"
    )


def test_events_models_and_stories_are_read(desk: Desk, api: ApiServer) -> None:
    desk.record(originate("my.type", "/me", "s", {}, id_="chain"))
    assert "my.type" in type_("events").output
    assert "no model yet" in type_("models").output
    assert "my.type" in type_("explain", "chain").output


def test_the_id_of_an_event_that_looks_like_a_predictions_is_found(desk: Desk, api: ApiServer) -> None:
    event = "01a21e61-9c56-7790-b7c9-d9322d7d0000"
    desk.record(originate("my.type", "/me", "s", {}, id_=event))
    assert "my.type" in type_("explain", event).output


def test_the_state_of_all_functions_is_read(desk: Desk, api: ApiServer) -> None:
    done = type_("status")
    assert (done.exit_code, "3 of 3 are ready" in done.output, "k8s://" in done.output) == (0, True, True)
    assert "there is no namespace nowhere" in refused("status", "--url", "k8s:///nowhere")


def test_a_request_is_sent_and_its_answer_waited_for(desk: Desk, api: ApiServer) -> None:
    told = c.TrainingDeferred(model="churn", reason="manual", rule="no-data", message="none", refused=True)
    desk.answer = lambda event: [answer(event, c.TrainingDeferred.type, "/kascade/test", "churn", told)]
    done = type_("retrain", "churn")
    assert (done.exit_code, "refused by the rule no-data: none" in done.output) == (1, True)
    assert [event.type for event in desk.sent] == [c.TrainingRequested.type]


def test_the_revision_with_most_of_the_traffic_is_called(desk: Desk, api: ApiServer) -> None:
    called: list[str] = []
    api.functions = lambda name, path: called.append(name) or desk.ledger
    api.add_function("record-events", ("old-1", 10), ("new-2", 90))
    assert type_("models").exit_code == 0
    assert set(called) == {"new"}


def test_kubectl_ends_with_the_command_and_its_folder_goes(
    desk: Desk, api: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    assert type_("models", "--url", "k8s://it/kascade").exit_code == 0
    api.forbidden = {"get services.serving.knative.dev"}
    refused("models")
    (first, words), (second, _) = kubectl.starts
    assert words[-1] == "--context=it"
    assert gone(first)
    assert gone(second)
    assert list(tmp_path.glob("kascade-*")) == []


def test_kubectl_ends_with_a_command_that_is_ended(
    desk: Desk, api: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    follow = subprocess.Popen([sys.executable, "-m", "kascade", "events", "--follow"])
    wait_until(lambda: any("/proxy/events" in asked for asked in api.asked))
    (folder,) = tmp_path.glob("kascade-*")
    assert folder.stat().st_mode & 0o077 == 0
    follow.terminate()
    assert follow.wait(30) == 128 + 15
    assert gone(kubectl.starts[0][0])
    assert list(tmp_path.glob("kascade-*")) == []


def test_kubectl_ends_with_a_command_that_is_killed(desk: Desk, api: ApiServer, kubectl: Kubectl) -> None:
    follow = subprocess.Popen([sys.executable, "-m", "kascade", "events", "--follow"])
    wait_until(lambda: any("/proxy/events" in asked for asked in api.asked))
    follow.kill()
    follow.wait(30)
    wait_until(lambda: gone(kubectl.starts[0][0]))


def test_no_kubectl_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "there is no kubectl on the PATH" in refused("models", "--url", "k8s://")


def test_an_unknown_context_is_named_in_kubectls_own_words(desk: Desk, api: ApiServer) -> None:
    assert refused("models", "--url", "k8s://nope") == 'kubectl did not start: context "nope" does not exist'


def test_a_namespace_that_is_not_there_is_named(desk: Desk, api: ApiServer) -> None:
    assert "there is no namespace nowhere in this cluster" in refused("models", "--url", "k8s:///nowhere")


def test_a_namespace_without_kascade_is_named(desk: Desk, api: ApiServer) -> None:
    said = refused("models", "--url", "k8s:///default")
    assert (
        said
        == "there is no Knative Service record-events in the namespace default; is Kascade installed there?"
    )
    assert "there is no Broker default" in refused("send", "x", "--url", "k8s:///default")


def test_what_is_missing_is_told_to_who_may_not_see_namespaces(desk: Desk, api: ApiServer) -> None:
    api.forbidden = {"get namespaces"}
    said = refused("models", "--url", "k8s:///default")
    assert said == "there is no Knative Service record-events in the namespace default"


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (("models",), "get services.serving.knative.dev"),
        (("models",), "get services/proxy"),
        (("status",), "list services.serving.knative.dev"),
        (("send", "x"), "get brokers.eventing.knative.dev"),
        (("send", "x"), "create services/proxy"),
    ],
)
def test_the_right_that_is_missing_is_named(
    desk: Desk, api: ApiServer, words: tuple[str, ...], right: str
) -> None:
    api.forbidden = {right}
    verb, resource = right.split()
    said = refused(*words)
    assert f'cannot {verb} resource "{resource}"' in said
    assert "docs/operations.md" in said


@pytest.mark.parametrize(
    ("words", "group", "name"),
    [
        (("models",), "serving.knative.dev", "Knative Serving"),
        (("send", "x"), "eventing.knative.dev", "Knative Eventing"),
    ],
)
def test_a_cluster_without_knative_is_named(
    desk: Desk, api: ApiServer, words: tuple[str, ...], group: str, name: str
) -> None:
    api.installed.remove(group)
    assert f"{name} is not installed in this cluster" in refused(*words)


def test_what_is_not_ready_tells_why(desk: Desk, api: ApiServer) -> None:
    waits = {"conditions": ready("False", reason="RevisionMissing", message="no revision yet")}
    api.objects["services record-events"]["status"] = waits
    assert refused("models") == "record-events is not ready: RevisionMissing: no revision yet"
    api.objects["brokers default"]["status"] = waits
    assert refused("send", "x") == "the Broker is not ready: RevisionMissing: no revision yet"
    api.objects["brokers default"] = {}
    assert refused("send", "x") == "the Broker is not ready: it says nothing yet"


def test_a_broker_that_asks_for_a_token_is_told_of_with_the_way_out(desk: Desk, api: ApiServer) -> None:
    api.broker = Response("Failed to verify the token", status=401)
    assert "asks for a token" in refused("send", "x")


def test_a_broker_outside_of_the_cluster_is_not_guessed_at(desk: Desk, api: ApiServer) -> None:
    api.objects["brokers default"]["status"]["address"]["url"] = "http://broker.example.com/x"
    assert "http://broker.example.com/x is no Service of the cluster" in refused("send", "x")


def test_a_revision_that_has_just_gone_is_no_missing_prediction(desk: Desk, api: ApiServer) -> None:
    api.collected = {"log-inferences-00001"}
    said = refused("explain", "01a21e61-9c56-7790-b7c9-d9322d7d0000")
    assert "Error getting active endpoint" in said
