"""Measure what a client sees while its model is retrained and rolled out: `python -m benchmarks.loop`.

A system of its own serves a first model. Two quiet stretches, one before and one after, are what the
stretches in between are held against: training, shadow, canary, promotion, and a person's rollback. About
three minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from eventing import catalogue as c
from eventing.event import originate
from kascade.client import Client, connect
from kascade.demo.digits import FIRST, SECOND
from kascade.demo.story import MODEL, Story
from kascade.stream.running import running_system
from kascade.system.home import Home

Answers = Sequence[dict[str, Any]]
Stretch = tuple[str, float, float]


def play(folder: Path, *, per_s: float, quiet_s: float, console: Console) -> tuple[Answers, list[Stretch]]:
    """Let the loop work while a client asks; return its answers, and when what happened."""
    home = Home(folder / "state")
    home.prepare(fresh=False)
    with running_system(home, store="embedded", console=console):
        story = Story(home, console, time.monotonic())
        story.ledger.start()
        story.train_first()
        out = folder / "answers.jsonl"
        command = [sys.executable, "-m", "benchmarks.loop.client", str(home.path), str(per_s), str(out)]
        with subprocess.Popen(command) as client:
            try:
                stretches = list(_stretches(story, connect(home.path), quiet_s))
            finally:
                client.terminate()
        story.ledger.stop()
        return [json.loads(line) for line in out.read_text().splitlines()], stretches


def _stretches(story: Story, client: Client, quiet_s: float) -> Iterator[Stretch]:
    time.sleep(5)  # the client starts, and finds its model warm
    yield _quiet("quiet before", quiet_s)
    story.drop_second()
    started, completed = (story.ledger.wait(type_, matches=_of_v2) for type_ in _TRAINING)
    yield "training", _time(started), _time(completed)
    shadow = story.ledger.wait(c.RolloutStarted.type, matches=_of_v2)
    canary = story.ledger.wait(c.RolloutAdvanced.type, matches=_of_v2)
    promoted = story.ledger.wait(c.RolloutCompleted.type, matches=_of_v2)
    yield "shadow", _time(shadow), _time(canary)
    yield "canary", _time(canary), _time(promoted)
    time.sleep(3)
    yield "promotion, 3 s", _time(promoted), time.time()
    time.sleep(5)
    asked = time.time()
    back = c.RolloutRequested(model=MODEL, action=c.RolloutAction.ROLL_BACK, requested_by="benchmark")
    client.emit(originate(c.RolloutRequested.type, "/benchmark", MODEL, back))
    time.sleep(5)
    yield "rollback, 5 s", asked, time.time()
    yield _quiet("quiet after", quiet_s)


_TRAINING = (c.TrainingStarted.type, c.TrainingCompleted.type)


def _of_v2(event: dict[str, Any]) -> bool:
    return bool(event["data"].get("version") == 2)


def _quiet(name: str, seconds: float) -> Stretch:
    began = time.time()
    time.sleep(seconds)
    return name, began, time.time()


def _time(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def figures(answers: Answers, stretches: Sequence[Stretch]) -> list[dict[str, Any]]:
    """Return each stretch's requests, failures and latencies in ms."""
    found = []
    for name, first, last in stretches:
        inside = [each for each in answers if first <= each["at"] < last]
        times = sorted(each["ms"] for each in inside if "ms" in each)
        found.append(
            {
                "stretch": name,
                "seconds": round(last - first, 1),
                "requests": len(inside),
                "failed": sum("failed" in each for each in inside),
                "p50_ms": round(times[len(times) // 2], 2) if times else None,
                "p99_ms": round(times[int(len(times) * 0.99)], 2) if times else None,
            }
        )
    return found


def seconds_to_roll_back(answers: Answers, stretches: Sequence[Stretch]) -> tuple[float, float]:
    """Return when, after the request, the champion before first answered, and the other one last."""
    asked = next(first for name, first, _ in stretches if name.startswith("rollback"))
    after = [each for each in answers if each["at"] >= asked and "version" in each]
    first_old = min(each["at"] for each in after if each["version"] == 1)
    last_new = max((each["at"] for each in after if each["version"] == 2), default=asked)
    return first_old - asked, last_new - asked


def main() -> int:
    """Measure, print a table, and the same as JSON in the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-s", type=float, default=100.0, help="requests a second")
    parser.add_argument("--quiet-s", type=float, default=20.0, help="length of each quiet stretch")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        answers, stretches = play(Path(folder), per_s=options.per_s, quiet_s=options.quiet_s, console=console)
    rows = figures(answers, stretches)
    quiet = min(row["p99_ms"] for row in rows if row["stretch"].startswith("quiet"))
    print(f"{'':16}{'seconds':>9}{'requests':>10}{'failed':>8}{'p50 ms':>9}{'p99 ms':>9}{'p99 / quiet':>13}")
    for row in rows:
        ratio = row["p99_ms"] / quiet
        print(
            f"{row['stretch']:16}{row['seconds']:>9}{row['requests']:>10}{row['failed']:>8}"
            f"{row['p50_ms']:>9}{row['p99_ms']:>9}{ratio:>13.2f}"
        )
    first, last = seconds_to_roll_back(answers, stretches)
    print(
        f"rollback: the champion before answered after {first:.2f} s, the other one last after {last:.2f} s"
    )
    said = {"rows": rows, "first_old_s": round(first, 3), "last_new_s": round(last, 3)}
    print(json.dumps(said | {"data": [FIRST, SECOND]}))
    return 0 if sum(row["failed"] for row in rows) == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
