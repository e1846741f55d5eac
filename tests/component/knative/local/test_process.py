"""The runtime as a program: what it refuses to start with, what it leaves behind, who it disturbs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest
import yaml

from .conftest import SERVICES, Local, until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_behind(make_local: Callable[..., Local], number: int) -> None:
    local = make_local()
    parent = "import subprocess, sys; subprocess.Popen(['sleep', '300']); exec(open(sys.argv[1]).read())"
    service = local.service("family", annotations={"autoscaling.knative.dev/min-scale": "1"})
    service["spec"]["template"]["spec"]["containers"][0]["command"] = [
        sys.executable,
        "-c",
        parent,
        str(local.program),
    ]
    local.write(service)
    local.start()
    until(lambda: local.get("family").status_code == 200)
    assert len(local.children()) == 2  # the program, and what it started itself

    code = local.stop(number)

    assert code == (-number if number == signal.SIGKILL else 0)
    until(lambda: local.children() == [], within_s=5, what="no process is left behind")


@pytest.mark.parametrize("flag", ["--gateway-port", "--api-port"])
def test_a_port_in_use_is_named_with_its_flag(make_local: Callable[..., Local], flag: str) -> None:
    local = make_local()
    local.write(local.service("any"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = local.spawn(flag, str(port))
        assert process.wait(20) == 2
    last = local.output().splitlines()[-1]
    assert f"port {port} is in use" in last
    assert flag in last
    assert f"(process {os.getpid()})" in last


def test_two_runtimes_in_two_folders_do_not_disturb_each_other(make_local: Callable[..., Local]) -> None:
    one, two = make_local(), make_local()
    for local, colour in ((one, "red"), (two, "blue")):
        local.write(local.service("same", env={"COLOUR": colour}))
        local.start()
    assert one.get("same").json()["env"]["COLOUR"] == "red"
    assert two.get("same").json()["env"]["COLOUR"] == "blue"
    one.stop()
    assert two.get("same").json()["env"]["COLOUR"] == "blue"
    two.stop()


def test_a_second_runtime_in_one_state_folder_is_refused(make_local: Callable[..., Local]) -> None:
    local = make_local()
    local.write(local.service("any"))
    local.start()
    assert local.process is not None
    second = local.spawn()
    assert second.wait(20) == 2
    assert f"is in use by another runtime (process {local.process.pid})" in local.output()
    assert local.get("any").status_code == 200
    local.stop()


@pytest.mark.parametrize("name", ["objects.db", "broker.db"])
def test_a_damaged_database_is_named_with_the_fix_and_what_it_costs(
    make_local: Callable[..., Local], name: str
) -> None:
    local = make_local()
    local.write(local.service("any"))
    local.state.mkdir()
    (local.state / name).write_text("no database at all " * 100)
    assert local.spawn().wait(20) == 2
    last = local.output().splitlines()[-1]
    assert last.startswith(f"error: {local.state / name} cannot be opened: file is not a database")
    assert f"move {name}* away, and " in last


def test_a_state_folder_that_cannot_be_made_is_named_with_its_flag(make_local: Callable[..., Local]) -> None:
    local = make_local()
    local.write(local.service("any"))
    local.state.write_text("a file")
    assert local.spawn().wait(20) == 2
    last = local.output().splitlines()[-1]
    assert last.startswith(f"error: {local.state} cannot be used")
    assert "--state-dir" in last


def test_all_that_is_wrong_with_manifests_is_said_at_once(make_local: Callable[..., Local]) -> None:
    local = make_local()
    bad = local.service("bad")
    bad["spec"]["template"]["spec"]["containers"][0].pop("command")
    worse = local.service("worse")
    worse["spec"]["template"]["spec"]["hostAliases"] = []
    local.write(bad, worse, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}})
    assert local.spawn().wait(20) == 3
    said = local.output()
    assert f"{local.manifests}: Service default/bad: spec.template.spec.containers[0].image:" in said
    assert "no functions/program can stand for the image program" in said
    assert "Service default/worse: spec.template.spec.hostAliases" in said
    assert "Deployment web: kind: the local runtime cannot run a apps/v1 Deployment" in said


def test_manifests_changed_between_runs_are_followed_and_the_api_s_changes_stay(
    make_local: Callable[..., Local],
) -> None:
    local = make_local()
    local.write(local.service("changed", env={"V": "1"}), local.service("dropped"), local.service("patched"))
    local.start()
    change = {"spec": {"template": {"metadata": {"labels": {"by": "api"}}}}}
    headers = {"Content-Type": "application/merge-patch+json"}
    assert local.api("PATCH", f"{SERVICES}/patched", json=change, headers=headers).status_code == 200
    local.stop()
    local.write(local.service("changed", env={"V": "2"}), local.service("patched"))

    local.start()

    until(lambda: local.get("changed").json()["env"]["V"] == "2")
    assert local.api("GET", f"{SERVICES}/dropped").status_code == 404
    assert local.object(f"{SERVICES}/patched")["spec"]["template"]["metadata"]["labels"] == {"by": "api"}
    local.stop()


def test_values_from_config_maps_and_secrets_reach_the_process(make_local: Callable[..., Local]) -> None:
    local = make_local()
    service = local.service("fed", env={"DIRECT": "$(FROM_MAP)-x"})
    container = service["spec"]["template"]["spec"]["containers"][0]
    container["envFrom"] = [
        {"configMapRef": {"name": "settings"}},
        {"secretRef": {"name": "none", "optional": True}},
    ]
    secret_ref = {"secretKeyRef": {"name": "keys", "key": "token"}}
    container["env"].append({"name": "TOKEN", "valueFrom": secret_ref})
    metadata = {"namespace": "default"}
    local.write(
        service,
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "settings", **metadata},
            "data": {"FROM_MAP": "a", "KEPT": "b"},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "keys", **metadata},
            "stringData": {"token": "s3"},
        },
    )
    override = local.folder / "mine.yaml"
    override.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "settings"},
                "data": {"FROM_MAP": "c"},
            }
        )
    )
    local.start("--config", str(override))
    env = local.get("fed").json()["env"]
    assert (env["FROM_MAP"], env["KEPT"], env["DIRECT"], env["TOKEN"]) == ("c", "b", "c-x", "s3")
    local.stop()


def test_a_manifest_that_changes_what_a_cluster_keeps_ends_the_start(
    make_local: Callable[..., Local],
) -> None:
    local = make_local()
    local.write(local.service("named", revision="named-v1"))
    local.start().stop()
    local.write(local.service("named", revision="named-v1", env={"V": "2"}))

    assert local.spawn().wait(120) == 3

    assert "Service default/named: spec.template.metadata.name: Saw the following changes" in local.output()
    assert "give it another name" in local.output()


def test_a_missing_config_map_is_said_and_repaired_when_it_comes(make_local: Callable[..., Local]) -> None:
    local = make_local()
    service = local.service("hungry")
    service["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "late"}}]
    local.write(service)
    local.start()
    answer = local.get("hungry")
    assert answer.status_code == 503
    assert "ConfigMap default/late does not exist" in answer.text
    body = {"metadata": {"name": "late"}, "data": {"A": "1"}}
    assert local.api("POST", "/api/v1/namespaces/default/configmaps", json=body).status_code == 201
    until(lambda: local.get("hungry").status_code == 200)
    local.stop()


def test_help_shows_examples_and_exit_codes() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "knative.local", "--help"], capture_output=True, text=True, check=True
    )
    assert "--gateway-port" in told.stdout
    assert "examples:" in told.stdout
    assert "exit codes" in told.stdout
