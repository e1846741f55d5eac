"""The Python client against a running system: from a table to a model, its predictions, and their labels."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from support.live_system import customers, eventually, spec

import kascade
from kascade.stream.running import running_system
from kascade.system.home import Home

pytestmark = pytest.mark.slow

MODEL = "churn"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kascade.Client]:
    home = Home(tmp_path_factory.mktemp("system") / "state")
    with pytest.MonkeyPatch.context() as patch:
        for name in [each for each in os.environ if each.startswith("COVERAGE_")]:
            patch.delenv(name)
        started = running_system(home, store="embedded", console=Console(stderr=True), fresh=True)
        with started, kascade.connect(home.path) as found:
            yield found


@pytest.mark.timeout(400)
def test_a_table_becomes_a_model_that_is_asked_and_told_the_truth(
    client: kascade.Client, tmp_path: Path
) -> None:
    frame = pd.read_csv(io.BytesIO(customers(300)))
    client.drop(spec(MODEL), MODEL, name="model.yaml")
    client.drop(frame, MODEL)

    def champion() -> bool:
        models = client.models()
        return bool((models["state"] == "champion").any())

    eventually(champion, 200, what="champion")

    features = frame.drop(columns="churned").set_index("customer", drop=False)
    answers = client.predict(MODEL, features)
    assert list(answers.index) == list(frame["customer"])
    assert set(answers["prediction"]) == {"yes", "no"}
    assert (answers["prediction"].to_numpy() == frame["churned"].to_numpy()).mean() > 0.7
    assert answers["prediction_id"].is_unique

    first = str(answers["prediction_id"].iloc[0])
    told = answers.assign(label=frame["churned"].to_numpy())
    assert client.label(MODEL, told.iloc[1:]).startswith(f"s3://feedback/{MODEL}/")
    client.label(MODEL, first, str(frame["churned"][0]))
    eventually(lambda: client.explanation(first)["prediction"]["rows"], 60, what="prediction in the log")
    eventually(lambda: not client.events(type="feedback.received").empty, 60, what="label in the ledger")

    story = client.explain(f"{MODEL}/v1")
    assert {"dev.kascade.training.completed", "dev.kascade.model.approved"} <= set(story["type"])
    assert client.describe(MODEL)[0]["champion"] == 1


@pytest.mark.timeout(300)
def test_a_training_is_asked_for_by_an_event(client: kascade.Client) -> None:
    id_ = client.send("training.requested", {"model": "nobody"})
    eventually(lambda: list(client.events(correlation=id_)["id"]) or None, 60, what="event in the ledger")
    with pytest.raises(kascade.CallError, match="nobody"):
        client.predict("nobody", [{"x": 1}])
