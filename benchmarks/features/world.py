"""What is measured: a store with two views of some entities, a real Feast, and a model that uses them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import urllib3
from onnx import helper

import pipelines
from benchmarks.serving.models import ServedModel, export
from benchmarks.serving.peers.estimators import FEATURES
from eventing.store import S3Store
from kascade.system.process import free_port
from pipelines.features.plan import Key, LookedUp, LookupPlan
from pipelines.features.view import CREATED_TIMESTAMP, EVENT_TIMESTAMP, View

PROGRAM = "KASCADE_FEAST"
SCRIPT = Path(pipelines.__file__).with_name("feast") / "kascade_feast.py"
SENT = tuple(f"f{number}" for number in range(10))
"""Features that a request has itself; the others are looked up, half of them in either view."""
READY_WITHIN_S = 240.0
VIEWS = tuple(
    View(
        "bench",
        name,
        ("customer_id",),
        "at",
        "bench",
        ttl=timedelta(days=7),
        fields=tuple(f"f{number}" for number in range(first, first + 10)),
    )
    for name, first in (("activity", 10), ("account", 20))
)


def feast_python() -> str:
    """Return the Python of the environment that Feast is in."""
    found = Path(os.environ.get(PROGRAM) or ".cache/feast/bin/python")
    if not found.exists():
        raise SystemExit(f"Feast is in an environment of its own: run `make feast`, or set {PROGRAM}")
    return str(found.absolute())


def put_views(store: S3Store, entities: int) -> None:
    """Lay the views down as they are materialised: a row for each entity, a minute old."""
    store.ensure_bucket("features")
    rng, now = np.random.default_rng(0), datetime.now(UTC)
    for view in VIEWS:
        columns: dict[str, Any] = {
            "customer_id": pa.array(range(entities), pa.int64()),
            EVENT_TIMESTAMP: pa.array([now - timedelta(minutes=1)] * entities, pa.timestamp("us", tz="UTC")),
            CREATED_TIMESTAMP: pa.array([now] * entities, pa.timestamp("us", tz="UTC")),
        }
        columns |= {name: pa.array(rng.normal(size=entities).round(4)) for name in view.features}
        kinds = {"customer_id": "integer", **dict.fromkeys(view.features, "number")}
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer)
        store.put(f"{view.folder}/rows/1.parquet", buffer.getvalue())
        stored = {"name": view.feast_name, "view": view.to_json(), "kinds": kinds}
        store.put(f"{view.folder}/view.json", json.dumps(stored).encode())


class Feast:
    """Feast's own feature server with one worker, in its own environment.

    Args:
        folder: where its online store (SQLite) and its log lie.
        variables: where the object store is.
    """

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        folder.mkdir()
        self.port, self._log = free_port(), folder / "feast.log"
        server = {"HOST": "127.0.0.1", "PORT": str(self.port), "FEAST_FOLDER": str(folder / "online")}
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **server, **variables}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [feast_python(), "-E", str(SCRIPT), "serve"],
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self._log.read_text()[-2000:]
            try:
                if urllib3.request("GET", f"{self.url}/health", retries=False, timeout=5).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.2)
        raise TimeoutError(self._log.read_text()[-2000:])

    def stop(self) -> None:
        """End it with its workers."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass(frozen=True)
class LookingUp(ServedModel):
    """A model whose server is told where features are looked up."""

    feature_server: str

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, "FEATURE_SERVER_URL": self.feature_server}


def served_model(folder: Path, feature_server: str) -> ServedModel:
    """Return the logistic regression of the serving benchmark; 20 of its 30 features can be looked up."""
    served = export("lr", folder)
    model = onnx.load_from_string(served.path.read_bytes())
    card = json.loads(model.metadata_props[0].value)
    features = tuple(
        LookedUp(name, f"{view.feast_name}:{name}", 7 * 86400.0) for view in VIEWS for name in view.features
    )
    plan = LookupPlan((Key("customer_id", "integer"),), features, missing="refuse", deadline_s=10.0)
    helper.set_model_props(model, {"kascade": json.dumps({**card, "lookup": plan.to_json()})})
    data = model.SerializeToString()
    served.path.write_bytes(data)
    return LookingUp(served.name, served.path, hashlib.sha256(data).hexdigest(), feature_server)


def bodies(rows: int) -> dict[str, bytes]:
    """Return the requests about so many rows: with all features, by entity, and what Feast is asked then."""
    rng = np.random.default_rng(rows)
    names = [f"f{number}" for number in range(FEATURES)]
    plain = [
        dict(zip(names, values, strict=True))
        for values in rng.normal(size=(rows, FEATURES)).round(4).tolist()
    ]
    by_entity = [
        {"customer_id": number, **{name: row[name] for name in SENT}} for number, row in enumerate(plain)
    ]
    references = [f"{view.feast_name}:{name}" for view in VIEWS for name in view.features]
    asked = {
        "features": references,
        "entities": {"customer_id": list(range(rows))},
        "full_feature_names": True,
    }
    named = {
        "plain": {"instances": plain},
        "by entity": {"entities": by_entity},
        "feature server itself": asked,
    }
    return {name: json.dumps(each).encode() for name, each in named.items()}
