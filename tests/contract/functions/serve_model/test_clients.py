"""Real clients of model servers get along with ours: KServe's (v1 and v2 REST) and tritonclient[http]."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]  # the first run makes the clients' environment

LABELS = [1, 0]


def test_kserves_client_reads_and_infers_by_v1(
    run_client: Callable[..., Any], servers: tuple[str, str]
) -> None:
    found = run_client("kserve_rest.py", *servers)["v1"]

    assert found["live"] is True
    assert found["model_ready"] is True
    assert found["predictions"] == LABELS
    assert [uuid.UUID(identity).version for identity in found["ids"]] == [7, 7]
    assert "instance 0 has 1 values per row, the model takes 3 features" in found["error"]


def test_kserves_client_reads_and_infers_by_v2(
    run_client: Callable[..., Any], servers: tuple[str, str]
) -> None:
    found = run_client("kserve_rest.py", *servers)["v2"]

    assert found["server_ready"] is True
    assert found["server_live"] is True
    assert found["model_ready"] is True
    for form in ("json", "binary"):
        answer = found[form]
        assert (answer["model"], answer["version"], answer["id"]) == ("churn", "1", "mine")
        assert answer["outputs"]["label"] == LABELS
        assert answer["outputs"]["probabilities"] == pytest.approx(
            [0.002473, 0.997527, 0.731059, 0.268941], rel=1e-3
        )
        assert len(set(answer["outputs"]["prediction_id"])) == 2
        assert found[f"{form} named"]["outputs"]["label"] == ["yes", "no"]
    assert "the model takes 3 features: age, amount, visits" in found["error"]


def test_tritonclient_reads_and_infers(run_client: Callable[..., Any], servers: tuple[str, str]) -> None:
    found = run_client("triton.py", *servers)

    for question in ("live", "ready", "model_ready", "version_ready"):
        assert found[question] is True, question
    assert found["server"] == ["binary_tensor_data"]
    assert found["inputs"] == ["age", "amount", "visits"]
    for form in ("binary", "json"):
        for answer in (found[form], found[f"{form} wanted"]):
            assert answer["label"] == LABELS
            assert [uuid.UUID(identity).version for identity in answer["prediction_id"]] == [7, 7]
        assert found[f"{form} named"] == ["yes", "no"]
    assert found["only label"] == ["label"]
    assert len(set(found["ids in parameters"])) == 2
    assert found["error"].startswith("400 ")
    assert "the model takes 3 features" in found["error"]
