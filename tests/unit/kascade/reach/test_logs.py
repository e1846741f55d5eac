"""Logs are read from the state folder, or by way of kubectl."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

import pytest

from kascade.reach.logs import logs_of
from kascade.reach.port import CallError
from kascade.system.home import HomeError

KUBECTL = """#!/bin/sh
case "$*" in
  *"get pods"*"service=churn"*) echo pod/churn-1 ;;
  *"get pods"*"job-sink=run-training"*) echo pod/run-1 ;;
  *"get pods"*"service=secret"*) echo 'error: forbidden' >&2; exit 1 ;;
  *" logs "*) echo "$@" ;;
esac
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    names = ["churn-v1", "churn-v2", "churn-eu-v1", "ingest-data-00001", "run-training-" + "0a" * 10]
    for age, name in enumerate(names):
        path = tmp_path / "logs" / f"kascade.{name}.log"
        path.write_text(f"first of {name}\nlast of {name}\n")
        os.utime(path, (age, age))
    (tmp_path / "runtime.log").write_text("up\n")
    return tmp_path


def test_the_files_of_a_part_are_read_the_oldest_first(home: Path) -> None:
    assert list(logs_of(home, "churn", lines=3, follow=False)) == [
        "last of churn-v1",
        "first of churn-v2",
        "last of churn-v2",
    ]
    for name in ("ingest-data", "run-training", "churn-eu"):
        assert len(list(logs_of(home, name, lines=9, follow=False))) == 2
    assert list(logs_of(home, "runtime", lines=9, follow=False)) == ["up"]


def test_what_has_no_log_is_told_with_what_has(home: Path) -> None:
    with pytest.raises(
        HomeError, match="logged as wine; there are churn, churn-eu, ingest-data, run-training"
    ):
        list(logs_of(home, "wine", lines=1, follow=False))


def test_what_comes_later_is_followed_also_after_a_log_was_moved_aside(home: Path) -> None:
    log = home / "logs" / "kascade.churn-v2.log"
    followed = logs_of(home, "churn", lines=1, follow=True)
    assert next(followed) == "last of churn-v2"
    with log.open("a") as more:
        more.write("a\nb\n")
    assert list(islice(followed, 2)) == ["a", "b"]
    log.write_text("c\n")
    assert next(followed) == "c"


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (script := tmp_path / "kubectl").write_text(KUBECTL)
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


@pytest.mark.usefixtures("kubectl")
@pytest.mark.parametrize(
    ("name", "selector"),
    [
        ("churn", "--selector=serving.knative.dev/service=churn"),
        ("run-training", "--selector=sinks.knative.dev/job-sink=run-training"),
    ],
)
def test_the_pods_of_a_part_are_read_on_a_cluster(name: str, selector: str) -> None:
    (words,) = logs_of("k8s://there/mine", name, lines=7, follow=True)
    told = set(words.split())
    assert {"--context=there", "--namespace=mine", "--tail=7", "--follow", selector} <= told


@pytest.mark.usefixtures("kubectl")
def test_what_kubectl_refuses_and_what_rests_is_told() -> None:
    with pytest.raises(CallError, match="kubectl: forbidden"):
        list(logs_of("k8s://", "secret", lines=1, follow=False))
    with pytest.raises(HomeError, match="no pod of wine is there now"):
        list(logs_of("k8s://", "wine", lines=1, follow=False))


def test_logs_are_not_to_be_had_from_a_gateway_or_without_kubectl(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HomeError, match="logs are not to be had"):
        list(logs_of("http://there:8080", "churn", lines=1, follow=False))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CallError, match="no kubectl on the PATH"):
        list(logs_of("k8s://", "churn", lines=1, follow=False))
