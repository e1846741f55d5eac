"""Fuzzing finds what is broken, and what it once found stays mended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.__main__ import run_target
from fuzz.target import CORPUS, target_names

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
BROKEN = {  # what every harness calls, in a module that it does not copy
    "api_bodies": "knative.local.api.objects:Objects.create",
    "broker_reader": "fuzz.targets.broker_reader:read_event",
    "codec": "fuzz.targets.codec:decode_all",
    "csv_file": "functions.ingest_data.process_file:open_table",
    "events": "eventing.app:read_payload",
    "filters": "knative.local.broker.filters:_parse",
    "jsonl_file": "functions.ingest_data.process_file:open_table",
    "labels": "functions.join_feedback.label_files:_read",
    "parquet_file": "functions.ingest_data.process_file:open_table",
    "s3_requests": "kascade.system.stores.s3.index:Index.find",
    "spec": "fuzz.targets.spec:spec_digest",
    "v1_predictions": "functions.serve_model.logic:predict",
    "v2_predictions": "functions.serve_model.logic:predict",
}
PLANT = """
import importlib, os, sys
from fuzz import target

name, place = sys.argv[1], sys.argv[2]
chosen = target.load(name)
for data in chosen.seeds:
    chosen.run(data)
module, _, path = place.partition(":")
owner = importlib.import_module(module)
*classes, last = path.split(".")
for each in classes:
    owner = getattr(owner, each)

def broken(*given, **named):
    raise KeyError("planted")

for holder in [owner, *sys.modules.values()]:  # also where it was imported by name
    if getattr(holder, last, None) is getattr(owner, last) and holder is not owner:
        setattr(holder, last, broken)
setattr(owner, last, broken)
for data in chosen.seeds:
    try:
        chosen.run(data)
    except BaseException:
        os._exit(0)  # as it is: threads of Arrow may be at work
sys.exit(f"{name} kept all its promises without {place}")
"""


@pytest.fixture(autouse=True)
def path_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent)]))


def test_every_broken_promise_is_found_and_its_input_is_kept(tmp_path: Path) -> None:
    ran = run_target("fuzz.planted", 3, 1, tmp_path)
    places = {path.read_text().partition("\n")[0]: path.with_suffix("").read_bytes() for path in ran.faults}
    assert places["ValueError in planted.py:run"] == b"raise"
    assert b"slow" in places["CPU"]
    assert b"large" in places["memory"]
    assert b"die" in places["the process ended with -9"]


def test_the_same_seed_tries_the_same_inputs(tmp_path: Path) -> None:
    found = [
        {path.stem for path in run_target("fuzz.planted", 3, 7, tmp_path / each).faults}
        for each in ("a", "b")
    ]
    assert found[0] & found[1]


def test_every_target_has_a_place_to_break() -> None:
    assert set(BROKEN) == set(target_names())
    assert {path.parent.name for path in CORPUS.glob("*/*")} <= set(target_names())


@pytest.mark.parametrize("name", target_names())
def test_a_harness_keeps_its_promises_and_notices_a_planted_fault(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PLANT, name, BROKEN[name]]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("name", sorted({path.parent.name for path in CORPUS.glob("*/*")}))
def test_what_once_broke_a_promise_does_not_any_more(name: str, tmp_path: Path) -> None:
    ran = run_target(name, 0.1, 1, tmp_path)
    assert [path.read_text() for path in ran.faults] == []
