"""A broker on a disk that is full: a file system of a few megabytes, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import asyncio, contextlib, json, os, sys, time
from pathlib import Path
from knative.local.broker.outcomes import Answer
from knative.local.broker.engine import BrokerEngine
from knative.local.broker.model import BrokerSpec, TriggerSpec

class Courier:
    def __init__(self):
        self.open, self.got = asyncio.Event(), set()

    async def post(self, uri, headers, body, timeout_s):
        await self.open.wait()
        self.got.add(headers["ce-id"])
        return Answer(204)

    async def close(self):
        pass

async def send(engine, id_, size):
    named = {"specversion": "1.0", "id": id_, "source": "/tests", "type": "dev.kascade.tested"}
    headers = [(f"ce-{name}".encode(), value.encode()) for name, value in named.items()]
    return (await engine.accept("kascade", "default", headers, os.urandom(size))).status

async def main(folder):
    courier = Courier()
    engine = BrokerEngine(folder / "broker.db", courier)
    engine.add_broker(BrokerSpec("kascade", "default"))
    engine.add_trigger(TriggerSpec("kascade", "all", "default", "http://subscriber/"))
    await engine.start()
    answers = []
    while 507 not in answers:
        answers.append(await send(engine, str(len(answers)), 100_000))
    with open(folder / "others", "wb", buffering=0) as others, contextlib.suppress(OSError):
        while True:
            others.write(bytes(4096))
    courier.open.set()
    deadline = time.monotonic() + 20
    while sum(engine.backlog().values()) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    (folder / "others").unlink()
    await asyncio.sleep(1)
    print(json.dumps({
        "taken": answers.count(202), "refused": answers.count(507), "got": len(courier.got),
        "left": sum(engine.backlog().values()), "after": await send(engine, "after", 1000),
    }))
    await engine.stop()

asyncio.run(main(Path(sys.argv[1])))
"""


def on_a_small_disk(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command that sees a file system of 40 MB at `folder`; nobody else sees it."""
    mounted = 'mount -t tmpfs -o size=40m tmpfs "$0" && exec "$@"'
    unshared = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, str(folder), *command]
    return subprocess.run(unshared, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    try:
        tried = on_a_small_disk(tmp_path, "true")
    except FileNotFoundError:
        pytest.skip("`unshare` is missing: it is a part of util-linux")
    if tried.returncode:
        pytest.skip(f"no file system can be mounted here; run as root or allow it: {tried.stderr.strip()}")
    return tmp_path


def test_14_16_on_a_full_disk_events_are_refused_and_deliveries_go_on(small_disk: Path) -> None:
    ran = on_a_small_disk(small_disk, sys.executable, "-c", PROGRAM, str(small_disk))

    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["taken"] > 50
    assert told == {"taken": told["taken"], "refused": 1, "got": told["taken"], "left": 0, "after": 202}
