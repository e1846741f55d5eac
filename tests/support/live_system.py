"""A whole system in a folder of its own, and what people do with it; used by the end-to-end tests."""

from __future__ import annotations

import csv
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from eventing.store import S3Store
from kascade.client import Client, connect
from kascade.reach.port import CallError
from kascade.system.home import Home, HomeError

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@dataclass
class LiveSystem:
    """A running `kascade up`, and what a person would do with it."""

    home: Home
    process: subprocess.Popen[bytes]

    @property
    def client(self) -> Client:
        return connect(self.home.path)

    @property
    def environment(self) -> dict[str, str]:
        return {**untraced(), **self.home.store_environment(), "KASCADE_HOME": str(self.home.path)}

    def run(self, *command: str) -> str:
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def put(self, uri: str, data: bytes) -> None:
        S3Store.from_env(self.environment).put(uri, data)

    def events(self, **query: Any) -> list[dict[str, Any]]:
        return [row["event"] for row in self.client.ledger(**query)]

    def wait_for(self, type_: str, *, subject: str, timeout_s: float = 300) -> dict[str, Any]:
        """Return the first event of a type whose subject begins so."""

        def look() -> dict[str, Any] | None:
            found = [each for each in self.events(type=type_) if each.get("subject", "").startswith(subject)]
            return found[0] if found else None

        return eventually(look, timeout_s, what=f"{type_} about {subject}")

    def handled(self, function: str, event_id: str) -> bool:
        with sqlite3.connect(f"file:{self.home.path / 'state.db'}?mode=ro", uri=True) as database:
            query = "select count(*) from handled where function = ? and event_id = ?"
            return bool(database.execute(query, (function, event_id)).fetchone()[0])

    def processes(self, module: str) -> list[psutil.Process]:
        """Return the system's processes that run a module."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if module in child.cmdline():
                    found.append(child)
            except psutil.Error:
                continue
        return found

    def kill(self, module: str) -> int:
        """Kill each process that runs a module, without warning. Return how many there were."""
        victims = self.processes(module)
        for victim in victims:
            victim.kill()
        return len(victims)


def untraced() -> dict[str, str]:
    """Return the environment without what makes processes measure their coverage."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def eventually(look: Callable[[], T | None], timeout_s: float, *, what: str) -> T:
    """Return what `look` finds, looking again until the deadline."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if found := look():
                return found
        except (CallError, HomeError, sqlite3.OperationalError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"no {what} within {timeout_s} s")


def customers(rows: int, seed: int = 0) -> bytes:
    """Return a CSV of numbers, a category and a date whose target can be learnt."""
    rng = random.Random(seed)
    lines: list[list[Any]] = [["customer", "amount", "visits", "country", "seen_on", "churned"]]
    for number in range(rows):
        amount, visits = round(rng.gauss(50, 20), 2), rng.randint(0, 30)
        country = rng.choice(["DE", "FR", "PL", "日本"])
        score = (50 - amount) / 10 + (8 - visits) / 4 + (2 if country == "PL" else 0) + rng.gauss(0, 1)
        day = f"2025-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
        lines.append([f"c{seed}-{number}", amount, visits, country, day, "yes" if score > 0 else "no"])
    text = "\n".join(",".join(map(str, line)) for line in lines)
    assert next(csv.reader([text.splitlines()[0]]))
    return (text + "\n").encode()


def spec(model: str, **retrain: str) -> bytes:
    """Return a model.yaml whose waits are short."""
    policy = {"debounce": "1s", "cooldown": "0s", "min_rows": "100", **retrain}
    return json.dumps(
        {
            "model": model,
            "target": "churned",
            "entity": "customer",
            "train": {"candidates": [{"estimator": "logistic_regression", "grid": {"C": [0.1, 1.0]}}]},
            "retrain": {**policy, "min_rows": int(policy["min_rows"])},
        }
    ).encode()
