"""Training code that lies in the bucket: refused until the operator allows it, then trained and served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.live_system import customers, eventually
from support.trained_on_request import FEATURES, ask

from eventing import catalogue as c

from .conftest import running

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

MODEL = "own"
CODE = b"""
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier


def fit(frame, target, params, seed):
    tree = DecisionTreeClassifier(random_state=seed, **params)
    return make_pipeline(SimpleImputer(strategy="median"), tree).fit(frame, target)
"""


def spec(comment: str = "") -> bytes:
    train = {"code": "train.py", "params": {"max_depth": 4}, "timeout": "5m"}
    document = {"model": MODEL, "target": "churned", "entity": "customer", "train": train}
    return f"{json.dumps({**document, 'retrain': {'on': []}})}\n# {comment}\n".encode()


def test_code_is_refused_with_the_way_to_allow_it_and_trained_where_it_is_allowed(tmp_path: Path) -> None:
    with running(tmp_path, "embedded") as system:
        system.put(f"s3://raw/{MODEL}/train.py", CODE)
        system.put(f"s3://raw/{MODEL}/model.yaml", spec())
        refused = system.wait_for(c.SpecRejected.type, subject=MODEL)
        assert "kascade up --allow-code" in json.dumps(refused["data"]["problems"])

    with running(tmp_path, "embedded", "--allow-code") as system:
        system.put(f"s3://raw/{MODEL}/model.yaml", spec("allowed by now"))
        registered = system.wait_for(c.SpecRegistered.type, subject=MODEL)
        assert registered["data"]["code"]["train"]["uri"].startswith(f"s3://models/{MODEL}/code/")
        system.put(f"s3://raw/{MODEL}/customers.csv", customers(400))
        system.wait_for(c.DatasetIngested.type, subject=MODEL)
        ask(system, MODEL)
        completed = system.wait_for(c.RolloutCompleted.type, subject=f"{MODEL}/v1", timeout_s=500)
        assert completed["data"]["outcome"] == "promoted"

        (answer,) = eventually(
            lambda: list(system.client.predict_rows(MODEL, [FEATURES])), 60, what="prediction"
        )
        assert (answer["model_version"], answer["prediction"] in ("yes", "no")) == (1, True)
