"""Measure what the console costs: `python -m benchmarks.console` (some three minutes; chromium on the PATH).

A system of its own is started. Measured are the console's memory and CPU time, and the CPU time of the ledger
that it asks and of the gateway between, over equal times: with no page open (when it scales to zero, it costs
nothing), with the page of the loop open while nothing happens, and with that page while events come.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests
from playwright.sync_api import sync_playwright
from rich.console import Console

from benchmarks.idle.processes import memory_mb, running
from kascade.stream.running import running_system
from kascade.system.home import Home

_PARTS = ("console", "record-events", "runtime")
_SETTLE_S = 3.0


def cpu_seconds(top: int) -> dict[str, float]:
    """Return the CPU time of each part so far."""
    found = dict.fromkeys(_PARTS, 0.0)
    for name in _PARTS:
        for process in running(top).get(name, ()):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            found[name] += times.user + times.system
    return found


def spent(top: int, seconds: float) -> dict[str, float]:
    """Return the CPU time of each part over so many seconds, in percent of one core."""
    before, began = cpu_seconds(top), time.monotonic()
    time.sleep(seconds)
    after, took = cpu_seconds(top), time.monotonic() - began
    return {name: 100 * (after[name] - before[name]) / took for name in _PARTS}


@contextmanager
def events_coming(gateway: str, every_s: float) -> Iterator[None]:
    """Send an event of nobody's business again and again."""
    ended = threading.Event()

    def send() -> None:
        number = 0
        while not ended.wait(every_s):
            number += 1
            headers = {"ce-id": f"n{number}", "ce-type": "com.example.noted", "ce-subject": "digits"}
            always = {"ce-specversion": "1.0", "ce-source": "/benchmark", "Content-Type": "application/json"}
            requests.post(f"{gateway}/kascade/default", data="{}", headers={**always, **headers}, timeout=30)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        ended.set()
        sender.join()


def measure(folder: Path, seconds: float, every_s: float, console: Console) -> dict[str, Any]:
    """Start a system and return all figures."""
    home = Home(folder / "state")
    home.prepare(fresh=False)
    found: dict[str, Any] = {"cpu_percent": {}}
    with running_system(home, store="embedded", console=console) as system, sync_playwright() as playwright:
        top, gateway = system.pid, home.endpoints().gateway
        requests.get(gateway, headers={"Accept": "text/html"}, timeout=60).raise_for_status()
        time.sleep(_SETTLE_S)
        found["memory_mb"] = memory_mb(top)["console"]
        states: dict[str, dict[str, float]] = found["cpu_percent"]
        states["no page open"] = spent(top, seconds)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(gateway)
        time.sleep(_SETTLE_S)
        states["a page open, nothing happens"] = spent(top, seconds)
        with events_coming(gateway, every_s):
            states[f"a page open, an event every {every_s:g} s"] = spent(top, seconds)
        found["memory_with_page_mb"] = memory_mb(top)["console"]
        browser.close()
    return found


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console", description=__doc__)
    parser.add_argument("--seconds", type=float, default=40, help="how long each state is watched")
    parser.add_argument("--every", type=float, default=0.5, help="seconds between events")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kascade-console-") as folder:
        found = measure(Path(folder), options.seconds, options.every, Console(stderr=True))
    if options.json:
        print(json.dumps(found))
        return 0
    print(f"console, PSS: {found['memory_mb']:.0f} MB, {found['memory_with_page_mb']:.0f} MB after the pages")
    print(f"{'CPU, % of a core':40}" + "".join(f"{part:>16}" for part in _PARTS))
    for name, parts in found["cpu_percent"].items():
        print(f"{name:40}" + "".join(f"{parts[part]:>16.1f}" for part in _PARTS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
