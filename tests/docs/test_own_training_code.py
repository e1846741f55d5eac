"""The page about training code of one's own: each of its blocks is tried as the page says."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.training import churn_table, put_dataset, train

from eventing.store import MemoryStore
from pipelines.estimators import REGISTRY, check_training
from pipelines.own_code.source import fault_of
from pipelines.spec import check_rules, parse_spec

pytestmark = pytest.mark.slow

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "how-to" / "own-training-code.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(SPEC,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
KINDS = {"amount": "number", "calls": "integer", "country": "category", "churned": "category"}
NEEDS = {0: "sklearn", 1: "onnx", 2: "torch"}


@pytest.mark.parametrize("block", [0, 1, 2])
def test_the_code_of_the_page_is_taken(block: int) -> None:
    assert fault_of(BLOCKS[block].encode(), "train.py") is None


@pytest.mark.parametrize("block", [0, 1, 2])
def test_the_code_of_the_page_trains_a_model_that_serves(block: int, tmp_path: Path) -> None:
    if find_spec(NEEDS[block]) is None:
        pytest.skip(f"pip install {NEEDS[block]} to train with it")
    spec = SPEC if block == 0 else "target: churned\ntrain: {code: train.py}\n"
    spec = spec.replace("  candidates: [{estimator: xgboost}]\n", "")
    store = MemoryStore()
    request = put_dataset(store, [churn_table(300)], KINDS, f"model: churn\n{spec}", code=BLOCKS[block])
    card = train(store, request, tmp_path)
    assert card.evaluation.metrics["roc_auc"] > 0.65
    assert card.own_code == request.code


def test_the_model_yaml_of_the_page_is_valid() -> None:
    parse_spec(SPEC.encode(), model="churn", checks=[check_rules, check_training])


@pytest.mark.parametrize("page", ["how-to/kubeflow.md", "how-to/own-training-code.md"])
def test_what_other_blocks_say_under_train_are_keys_of_it(page: str) -> None:
    for block in re.findall(r"```yaml\n(train:\n.*?)```", (DOCS / page).read_text(), re.DOTALL):
        parse_spec(f"target: y\n{block}  code: train.py\n".encode(), model="m", checks=[check_rules])


def test_every_estimator_is_named_in_the_page_about_model_yaml() -> None:
    page = (DOCS / "model-yaml.md").read_text()
    assert [name for name, _ in REGISTRY if f"`{name}`" not in page] == []
