"""What people do with kubectl beside applying files; with the real one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from support.documented_samples import KSERVE, SELDON

from .conftest import JOBS, SERVICES, Local, until

BROKER = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "metadata": {"name": "default"}}
MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture(scope="module")
def local(make_local: Callable[..., Local]) -> Iterator[Local]:
    if shutil.which("kubectl") is None:
        pytest.skip(
            "needs kubectl; install it with: curl -LO https://dl.k8s.io/release/v1.32.4/bin/linux/amd64/kubectl"
        )
    local = make_local()
    local.write(BROKER)
    yield local.start()
    assert "request failed" not in local.output()
    assert local.stop() == 0


def kubectl(local: Local, *arguments: str, stdin: str = "") -> tuple[int, str]:
    """Run it; return its exit code and what it printed."""
    env = {**os.environ, "KUBECONFIG": str(local.state / "kubeconfig")}
    command = ["kubectl", "--cache-dir", str(local.folder), *arguments]
    ended = subprocess.run(
        command, env=env, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.case("T4", "kubectl create posts protobuf")
def test_kubectl_creates_what_it_sends_in_protobuf(local: Local) -> None:
    for arguments in (
        ("configmap", "made", "--from-literal=size=x=ü", "--from-literal=empty="),
        ("secret", "generic", "made", "--from-literal=key=value"),
        ("namespace", "made"),
        ("serviceaccount", "made"),
        ("job", "made", "--image=any", "--", "/bin/sh", "-c", "exit 0"),
    ):
        code, said = kubectl(local, "create", *arguments)
        assert (code, "created" in said) == (0, True), said
    assert local.object(f"{MAPS}/made")["data"] == {"size": "x=ü", "empty": ""}
    assert local.object("/api/v1/namespaces/default/secrets/made")["data"] == {"key": "dmFsdWU="}
    container = local.object(f"{JOBS}/made")["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["/bin/sh", "-c", "exit 0"]
    until(lambda: kubectl(local, "wait", "--for=condition=complete", "job/made", "--timeout=20s")[0] == 0)


@pytest.mark.case("T4", "a kind that is not read in protobuf")
def test_what_is_not_read_in_protobuf_is_refused_with_the_way_round(local: Local) -> None:
    code, said = kubectl(local, "create", "role", "made", "--verb=get", "--resource=configmaps")
    assert code == 1
    assert "--dry-run=client -o yaml | kubectl apply -f -" in said


@pytest.mark.case("T4", "auth can-i, auth whoami, explain")
def test_kubectl_is_told_who_it_is_and_what_it_may(local: Local) -> None:
    assert kubectl(local, "auth", "can-i", "create", "ksvc") == (0, "yes\n")
    assert "kascade" in kubectl(local, "auth", "whoami")[1]
    assert "serving.knative.dev" in kubectl(local, "explain", "ksvc")[1]


@pytest.mark.case("T4", "get events, logs, port-forward")
@pytest.mark.parametrize(
    "arguments", [("get", "events"), ("logs", "web"), ("port-forward", "pod/web", "1:80"), ("get", "pods")]
)
def test_what_is_not_there_is_said_at_once(local: Local, arguments: tuple[str, ...]) -> None:
    code, said = kubectl(local, *arguments)
    assert code == 1
    assert "doesn't have a resource type" in said


@pytest.mark.case("S1", "kubectl with another token")
def test_kubectl_with_another_token_is_told_to_log_in(local: Local) -> None:
    server = local.endpoints["api"].replace("http://", "http://kascade:another@")
    code, said = kubectl(local, "--server", server, "get", "cm")
    assert code == 1
    assert "logged in" in said


def done(local: Local, *arguments: str) -> str:
    """Run it; it must succeed. Return what it printed."""
    code, printed = kubectl(local, *arguments)
    assert code == 0, printed
    return printed


def test_kubectl_applies_gets_and_deletes(local: Local, tmp_path: Path) -> None:
    file = tmp_path / "service.yaml"
    file.write_text(yaml.safe_dump(local.service("applied", env={"V": "1"})))
    assert "created" in done(local, "apply", "-f", str(file))
    file.write_text(yaml.safe_dump(local.service("applied", env={"V": "2"})))
    assert "configured" in done(local, "apply", "-f", str(file))
    generation = local.object(f"{SERVICES}/applied")["metadata"]["generation"]
    # What the webhook added differs from the file in a list: kubectl patches it, and nothing comes of it.
    assert "configured" in done(local, "apply", "-f", str(file))
    assert local.object(f"{SERVICES}/applied")["metadata"]["generation"] == generation
    whole = local.service("applied", env={"V": "2"})
    whole["spec"]["template"] = local.object(f"{SERVICES}/applied")["spec"]["template"]
    file.write_text(yaml.safe_dump(whole))
    done(local, "apply", "-f", str(file))
    assert "unchanged" in done(local, "apply", "-f", str(file))
    done(local, "wait", "--for=condition=Ready", "ksvc/applied", "--timeout=20s")

    table = done(local, "get", "ksvc", "applied").splitlines()
    assert table[0].split() == ["NAME", "URL", "LATESTCREATED", "LATESTREADY", "READY", "REASON", "AGE"]
    assert "applied-00002" in table[1]
    assert "applied" in done(local, "get", "ksvc,revisions", "-A", "-o", "name")
    done(local, "create", "cm", "settings", "--from-literal=LEVEL=1")
    assert done(local, "get", "cm", "settings", "-o", "jsonpath={.data.LEVEL}") == "1"
    done(local, "patch", "cm", "settings", "-p", '{"data": {"LEVEL": "2"}}')
    assert done(local, "get", "cm", "settings", "-o", "jsonpath={.data.LEVEL}") == "2"
    assert "serverside-applied" in done(local, "apply", "--server-side", "-f", str(file))
    assert "deleted" in done(local, "delete", "ksvc", "applied", "--timeout=20s")


@pytest.mark.parametrize("samples", [KSERVE, SELDON], ids=["KServe", "Seldon"])
def test_kubectl_applies_the_samples_of_other_platforms_beside_ours(
    local: Local, tmp_path: Path, samples: str
) -> None:
    (tmp_path / "samples.yaml").write_text(samples)
    objects = list(yaml.safe_load_all(samples))
    for namespace in {each["metadata"].get("namespace", "default") for each in objects} - {"default"}:
        done(local, "create", "namespace", namespace)

    assert done(local, "apply", "-f", str(tmp_path / "samples.yaml")).count("created") == len(objects)
    assert done(local, "apply", "-f", str(tmp_path / "samples.yaml")).count("unchanged") == len(objects)

    for each in objects:
        name, space = each["metadata"]["name"], each["metadata"].get("namespace", "default")
        assert name in done(local, "-n", space, "get", each["kind"].lower(), name)
    assert "broker.eventing.knative.dev/default" in done(local, "get", "broker", "-o", "name")
    done(local, "delete", "-f", str(tmp_path / "samples.yaml"))


def test_kubectl_says_which_field_cannot_be_honoured(local: Local) -> None:
    body = local.service("refused")
    body["spec"]["template"]["spec"]["initContainers"] = [{"name": "a", "image": "b"}]
    code, printed = kubectl(local, "apply", "-f", "-", stdin=yaml.safe_dump(body))
    assert code == 1
    assert "spec.template.spec.initContainers" in printed
