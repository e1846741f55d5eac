"""`kascade demo`: the whole loop once, on a real data set, with nothing but events between the steps.

1. A system of its own starts in the demonstration's folder, on free ports.
2. A model.yaml and the Wisconsin breast cancer data (569 biopsies) are dropped into a bucket.
3. Each event is shown as the ledger records it, until the model is rolled out.
4. The model is asked over HTTP about a biopsy that it has not seen.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import requests
from rich.console import Console

from eventing import catalogue as c
from eventing.cli.client import CallError, Client
from eventing.cli.event_line import event_line
from eventing.cli.home import NAMESPACE, Home, HomeError
from eventing.store import S3Store

MODEL = "biopsy"
SPEC = f"""\
model: {MODEL}
target: malignant
train:
  metric: roc_auc
gate:
  min: 0.9
retrain:
  debounce: 1s
  cooldown: 0s
  min_rows: 200
"""
EXPECTED = (
    c.SPEC_REGISTERED,
    c.DATASET_INGESTED,
    c.TRAINING_APPROVED,
    c.TRAINING_STARTED,
    c.TRAINING_COMPLETED,
    c.MODEL_APPROVED,
    c.ROLLOUT_STARTED,
    c.ROLLOUT_COMPLETED,
)
FATAL = (c.SPEC_REJECTED, c.DATASET_REJECTED, c.TRAINING_FAILED, c.MODEL_REJECTED, c.DELIVERY_FAILED)
HELD_BACK = 1
_START_TIMEOUT_S = 120.0
_LOOP_TIMEOUT_S = 300.0


class Demo:
    """One run of the demonstration in a folder of its own."""

    def __init__(self, home: Home, *, store: str, keep: bool) -> None:
        self._home = home
        self._store_kind = store
        self._keep = keep
        self._console = Console(highlight=False, soft_wrap=True)
        self._started = time.monotonic()
        self._seen: dict[str, dict[str, Any]] = {}
        self._events = 0
        self._prediction_id: str | None = None

    def run(self) -> int:
        """Run it; print the outcome as a last line of JSON. Return 0 when every step happened."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        system = self._start_system()
        try:
            problem = self._tell()
            self._print_outcome(problem)
            if self._keep and problem is None:
                self._console.print("The system stays up; Ctrl-C ends it.")
                system.wait()
        except KeyboardInterrupt:
            return 130
        finally:
            system.terminate()
            system.wait()
        return 0 if problem is None else 1

    def _tell(self) -> str | None:
        """Return what went wrong, or None."""
        try:
            client = Client(self._home.endpoints())
            held_back = self._drop_data()
            self._follow(client)
            self._ask(held_back)
        except (CallError, HomeError) as error:
            return str(error)
        missing = [name.removeprefix(c.PREFIX) for name in EXPECTED if name not in self._seen]
        return f"these steps did not happen: {', '.join(missing)}" if missing else None

    def _start_system(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "eventing.cli", "up", "--home", str(self._home.path)]
        command += ["--store", self._store_kind]
        for port in ("--gateway-port", "--api-port", "--store-port"):
            command += [port, "0"]
        log = self._home.path / "up.log"
        with log.open("wb") as stream:
            system = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)
        with self._console.status("starting the broker, the functions and the object store"):
            deadline = time.monotonic() + _START_TIMEOUT_S
            while not self._ledger_answers():
                if system.poll() is not None or time.monotonic() > deadline:
                    system.terminate()
                    raise HomeError(f"the system did not start:\n{log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.1)
        self._step(f"the system is up, at {self._home.endpoints().gateway}")
        return system

    def _ledger_answers(self) -> bool:
        try:
            list(Client(self._home.endpoints(), timeout_s=30).events())
        except (HomeError, CallError):
            return False
        return True

    def _drop_data(self) -> dict[str, float]:
        """Drop the spec and the data, all but the last biopsy, which is returned to be asked about."""
        from sklearn.datasets import load_breast_cancer

        bunch = load_breast_cancer()
        names = [str(name).replace(" ", "_") for name in bunch.feature_names]
        labels = ["no" if benign else "yes" for benign in bunch.target]
        rows = [[*map(float, row), label] for row, label in zip(bunch.data, labels, strict=True)]
        file = self._home.path / "biopsies.csv"
        with file.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([*names, "malignant"])
            writer.writerows(rows[:-HELD_BACK])
        store = S3Store.from_env({**os.environ, **self._home.store_environment()})
        store.put(f"s3://raw/{MODEL}/model.yaml", SPEC.encode())
        with file.open("rb") as data:
            store.put(f"s3://raw/{MODEL}/{file.name}", data)
        self._step(
            f"dropped model.yaml and {file.name} ({len(rows) - HELD_BACK} rows) into s3://raw/{MODEL}/"
        )
        return dict(zip(names, map(float, bunch.data[-1]), strict=True))

    def _follow(self, client: Client) -> None:
        """Show events as they are recorded, until the rollout is over or something failed."""
        deadline = time.monotonic() + _LOOP_TIMEOUT_S
        for row in client.events(wait_s=5, deadline=deadline):
            event = row["event"]
            self._events += 1
            self._seen[event["type"]] = event
            self._console.print("  " + event_line(event))
            if event["type"] in FATAL:
                raise HomeError(f"{event['type']}: {json.dumps(event['data'], ensure_ascii=False)}")
            if event["type"] == c.ROLLOUT_COMPLETED:
                return

    def _ask(self, features: dict[str, float]) -> None:
        url = f"{self._home.endpoints().gateway}/v1/models/{MODEL}:predict"
        host = f"{MODEL}.{NAMESPACE}.localhost"
        try:
            response = requests.post(url, json={"instances": [features]}, headers={"Host": host}, timeout=60)
        except requests.RequestException as error:
            raise CallError(f"the model does not answer: {error}") from error
        if not response.ok:
            raise CallError(f"the model answered {response.status_code}: {response.text[:500]}")
        answer = response.json()
        self._prediction_id = answer["prediction_ids"][0]
        self._step(f"asked http://{host} about a biopsy it has not seen: {answer['predictions'][0]}")

    def _print_outcome(self, problem: str | None) -> None:
        if problem:
            self._console.print(f"[bold red]The demonstration failed:[/] {problem}")
            self._console.print(f"What happened lies in {self._home.path} (logs/, runtime.log)")
        ingested = self._seen.get(c.DATASET_INGESTED, {}).get("data", {})
        completed = self._seen.get(c.ROLLOUT_COMPLETED, {}).get("data", {})
        outcome = {
            "ok": problem is None,
            "seconds": round(time.monotonic() - self._started, 1),
            "events": self._events,
            "dataset": ingested.get("dataset", {}).get("sha256"),
            "model": MODEL,
            "version": completed.get("version"),
            "prediction_id": self._prediction_id,
        }
        print(json.dumps(outcome), flush=True)

    def _step(self, text: str) -> None:
        self._console.print(f"[bold]{time.monotonic() - self._started:5.1f} s[/]  {text}")
