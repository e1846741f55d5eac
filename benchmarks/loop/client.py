"""A client that asks about digits at a steady rate, gives labels back, and writes down each answer's time.

Run by the benchmark as a process, until SIGTERM: `python -m benchmarks.loop.client HOME PER_S OUT`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from eventing.store import S3Store
from kascade.demo.digits import Digits
from kascade.demo.story import LABEL_DELAY_S, MODEL
from kascade.stream.labelling import Labeller
from kascade.stream.predicting import NoPrediction, PredictionClient
from kascade.system.home import Home


def main(folder: str, per_s: str, out: str) -> int:
    """Ask until SIGTERM, then write one line of JSON for each request."""
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    home, digits, chosen = Home(Path(folder)), Digits(), random.Random(0)
    store = S3Store.from_env({**os.environ, **home.store_environment()})
    labeller = Labeller(store, MODEL, delay_s=LABEL_DELAY_S)
    labeller.start()
    predictions = PredictionClient(home.endpoints().gateway, MODEL)
    seen: list[dict[str, Any]] = []
    due = time.monotonic()
    while not ending.wait(max(0.0, due - time.monotonic())):
        due = max(due + 1 / float(per_s), time.monotonic() - 1)
        row = chosen.choice(digits.asked)
        try:
            answer = predictions.predict(digits.question(row, negative=False))
        except NoPrediction as error:
            seen.append({"at": time.time(), "failed": str(error)})
            continue
        labeller.add(answer, digits.truth(row))
        seen.append({"at": answer.at, "version": answer.version, "ms": 1000 * answer.seconds})
    labeller.stop()
    Path(out).write_text("\n".join(map(json.dumps, seen)))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
