"""How long a dropped file takes to become a model that answers, with every function at rest and with none."""

from __future__ import annotations

import json
import os
import time
import uuid
from datetime import datetime

import requests
from cluster.reach import NAMESPACE, Cluster, Json, eventually, of_a_model
from cluster.recorded import Ledger
from cluster.retraining import SPEC

from eventing.store import S3Store
from kascade.demo.digits import FIRST, Digits

COLD_S = float(os.environ.get("KASCADE_COLD_S", "60"))
WARM_S = float(os.environ.get("KASCADE_WARM_S", "25"))
"""Both are meant for a machine that is quiet and has two cores."""
STEPS = (
    "dataset.ingested",
    "training.approved",
    "training.started",
    "training.completed",
    "model.approved",
    "rollout.completed",
)


def test_from_a_file_to_an_answer(cluster: Cluster) -> None:
    digits = Digits()
    eventually(lambda: at_rest(cluster), 400, what="rest of the functions")
    cold = drop(cluster, digits)
    warm = drop(cluster, digits)
    print(f"from a dropped file to an answer: {cold:.0f} s with cold functions, {warm:.0f} s with warm ones")
    assert cold < COLD_S
    assert warm < WARM_S


def at_rest(cluster: Cluster) -> bool:
    """Say whether only those functions run that always do."""
    awake = {
        each["metadata"]["name"]
        for each in cluster.objects("services.serving.knative.dev")
        if of_a_model(each) or "autoscaling.knative.dev/min-scale" in annotations_of(each)
    }
    running = cluster.pods("serving.knative.dev/service")
    return {pod["metadata"]["labels"]["serving.knative.dev/service"] for pod in running} <= awake


def annotations_of(service: Json) -> Json:
    found: Json = service["spec"]["template"]["metadata"].get("annotations") or {}
    return found


def drop(cluster: Cluster, digits: Digits) -> float:
    """Drop a model and its data; return the seconds until it answers through the gateway."""
    model = f"times-{uuid.uuid4().hex[:6]}"
    ledger = Ledger(cluster.database)
    store = S3Store.from_env(cluster.store_environment())
    spec = {**SPEC, "model": model, "retrain": {**SPEC["retrain"], "on": ["dataset"]}}
    store.put(f"s3://raw/{model}/model.yaml", json.dumps(spec).encode())
    began, clock = time.monotonic(), time.time()
    store.put(f"s3://raw/{model}/first.csv", digits.file(range(FIRST)))
    eventually(lambda: answers(cluster, model, digits), 300, what=f"answer of {model}")
    took = time.monotonic() - began
    print(json.dumps({"seconds": round(took, 1), **since(ledger, model, clock)}))
    return took


def answers(cluster: Cluster, model: str, digits: Digits) -> bool:
    answer = requests.post(
        f"{cluster.gateway}/v1/models/{model}:predict",
        json={"instances": [digits.question(0, negative=False)]},
        headers={"Host": f"{model}.{NAMESPACE}.localhost"},
        timeout=30,
    )
    return answer.ok


def since(ledger: Ledger, model: str, clock: float) -> dict[str, float]:
    """Return when each step was announced, in seconds after the drop."""
    found = {}
    for step in STEPS:
        for event in ledger.events(step, about=model)[:1]:
            found[step] = round(datetime.fromisoformat(event["time"]).timestamp() - clock, 1)
    return found
