"""`kascade open` and `kascade env`: what lies in the object store, in the browser and for other tools."""

from __future__ import annotations

import json
import subprocess
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from eventing.store import MemoryStore, S3Store

if TYPE_CHECKING:
    from conftest import Desk


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    store = MemoryStore("reports")
    for number in (1, 2):
        store.put(f"s3://reports/churn/v1/drift-{number}.html", f"look {number}".encode())
    store.put("s3://reports/churn/v1/drift-3.json", b"{}")
    monkeypatch.setattr(S3Store, "from_env", lambda env: store)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    return opened


def test_the_newest_drift_report_of_a_model_is_shown(desk: Desk, shown: list[str]) -> None:
    done = desk.type("open", "churn")
    uri, copy = done.stdout.split()
    assert uri == "s3://reports/churn/v1/drift-2.html"
    assert (Path(copy).read_text(), shown) == ("look 2", [Path(copy).as_uri()])


def test_any_object_is_copied(desk: Desk, shown: list[str]) -> None:
    done = desk.type("open", "s3://reports/churn/v1/drift-3.json", "--no-browser", "--json")
    assert (Path(json.loads(done.stdout)["copy"]).read_bytes(), shown) == (b"{}", [])
    assert "no drift report of wine" in str(desk.type("open", "wine").exception)
    assert desk.type("open", "http://x").exit_code == 2


def test_variables_are_for_a_shell_for_a_file_and_for_a_script(desk: Desk) -> None:
    variables = desk.home.store_environment()
    assert json.loads(desk.type("env", "--json").stdout) == variables
    assert (
        desk.type("env").stdout.splitlines()[0] == f"AWS_ENDPOINT_URL_S3={variables['AWS_ENDPOINT_URL_S3']}"
    )
    script = desk.type("env", "--export").stdout + 'env | grep "^AWS_" | sort'
    told = subprocess.run(["sh", "-c", script], env={}, capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == sorted(f"{name}={value}" for name, value in variables.items())


def test_a_system_by_its_address_has_the_store_that_the_variables_name(desk: Desk) -> None:
    refused = str(desk.type("env", "--url", "k8s://").exception)
    assert "no variable names the object store of k8s://" in refused
