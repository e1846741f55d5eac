"""What a train.py may do to the process that runs it, and what its owner reads then."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from pipelines.errors import StepError
from pipelines.own_code.fitting import Call, CodeRunner, Made
from pipelines.spec import parse_spec
from pipelines.steps import files

pytestmark = pytest.mark.slow

Fit = Callable[..., list[Made]]
ROWS, WIDTH = 60, 3
SKLEARN = """
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

def fit(frame, target, params, seed):
    return make_pipeline(SimpleImputer(), LogisticRegression(**params)).fit(frame, target)
"""


@pytest.fixture
def matrix() -> np.ndarray:
    found = np.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype(np.float32)
    found[0, 0] = np.nan
    return found


@pytest.fixture
def fit(tmp_path: Path, matrix: np.ndarray) -> Fit:
    """Have the code make a model for each of some parameters."""

    def make(
        code: str,
        *params: dict[str, Any],
        train: str = "",
        timeout: str = "60s",
        classes: tuple[Any, ...] | None = ("no", "yes"),
    ) -> list[Made]:
        prepared = tmp_path / "prepared"
        prepared.mkdir(exist_ok=True)
        spec = parse_spec(
            f"target: y\ntrain:\n  code: train.py\n  timeout: {timeout}\n{train}".encode(), model="m"
        )
        np.save(prepared / files.TRAIN_MATRIX, matrix)
        (prepared / files.CODE).write_text(code)
        told = {
            "name": "train.py",
            "requirements": None,
            "train": spec.train.model_dump_json(),
            "columns": ["amount", "country=nl", "country=be"],
        }
        facts = {"target": "y", "seed": 7, "balanced": False, "width": WIDTH, "own_code": told}
        files.write_json(prepared / files.PREPARED, facts)
        target = np.nan_to_num(matrix[:, 0]) if classes is None else np.arange(ROWS) % len(classes)
        calls = [Call(each, np.arange(ROWS), target, classes) for each in params or ({},)]
        return CodeRunner(prepared).make(calls, matrix)

    return make


def marked() -> list[int]:
    """Return the processes that code of a test has left."""
    found = []
    for process in psutil.process_iter():
        try:
            if "KASCADE_OWN_CODE" in process.environ() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_an_estimator_comes_back_as_a_graph_and_what_it_predicts_itself(fit: Fit, matrix: np.ndarray) -> None:
    first, second = fit(SKLEARN, {"C": 0.1}, {"C": 10.0})
    assert first.onnx != second.onnx
    assert first.expected is not None
    assert first.expected.shape == (ROWS, 2)
    assert any(line.startswith("scikit-learn==") for line in first.environment.splitlines())


ERRORS = {
    "an exception": (
        "def fit(frame, target, params, seed):\n    rows = len(frame)\n    return helper(rows)\n\n"
        "def helper(rows):\n    raise ValueError('too few')\n",
        r"^train.py, line 6: ValueError: too few\n(.*\n)*.*in helper",
    ),
    "an error inside a package": (
        "import numpy\n\ndef fit(frame, target, params, seed):\n    return numpy.ones(3) @ numpy.ones(4)\n",
        r"^train.py, line 4: ValueError: matmul",
    ),
    "a package that is not there": (
        "import tensorfloat\n",
        r"^train.py, line 1: ModuleNotFoundError: .*tensorfloat",
    ),
    "no Python": ("def fit(frame:\n  pass\n", r"^train.py, line 1: SyntaxError: "),
    "a null byte": ("x = 1\0\n", r"^train.py.*: (Syntax|Value)Error: .*null"),
    "no function": ("def train(frame): ...\n", r"^train.py: it has no function `fit`"),
    "too few parameters": ("def fit(frame): ...\n", r"^train.py: TypeError: fit\(\) takes 1 positional"),
    "another type": (
        "import os\n\ndef fit(frame, target, params, seed):\n    return {'model': 1}\n",
        r"^train.py, line 3: `fit` returned a builtins.dict, expected a fitted estimator or the bytes",
    ),
    "an estimator without a converter": (
        "class Mine:\n    classes_ = [0, 1]\n    def predict(self, x): return [0] * len(x)\n"
        "    def predict_proba(self, x): return [[1, 0]] * len(x)\n\n"
        "def fit(frame, target, params, seed):\n    return Mine()\n",
        r"^train.py, line 6: the train.Mine that `fit` returned has no ONNX form",
    ),
    "an end of the process": (
        "import sys\n\ndef fit(frame, target, params, seed):\n    sys.exit(3)\n",
        r"^train.py, line 4: it called sys.exit\(3\)",
    ),
    "an end without a word": (
        "import os\n\ndef fit(frame, target, params, seed):\n    print('on the way')\n    os._exit(3)\n",
        r"^train.py: its process ended with 3\non the way",
    ),
    "a crash": (
        "import ctypes\n\ndef fit(frame, target, params, seed):\n    ctypes.string_at(0)\n",
        r"^train.py, line 4: its process was ended by signal 11",
    ),
    "an estimator that cannot predict every row": (
        "from sklearn.linear_model import LogisticRegression\n\ndef fit(frame, target, params, seed):\n"
        "    return LogisticRegression().fit(frame[1:], target[1:])\n",
        r"^train.py, line 3: what `fit` returned cannot predict: ValueError: Input X contains NaN",
    ),
    "bytes that are no model": (
        "def fit(frame, target, params, seed):\n    return b'PK'\n",
        r"^train.py, line 1: what `fit` returned cannot serve: its inputs are none",
    ),
    "recursion": (
        "def fit(frame, target, params, seed):\n    return fit(frame, target, params, seed)\n",
        r"^train.py, line 2: RecursionError",
    ),
}


@pytest.mark.parametrize("what", ERRORS)
def test_each_way_to_fail_names_the_file_and_the_line(fit: Fit, what: str) -> None:
    code, said = ERRORS[what]
    with pytest.raises(StepError, match=said) as caught:
        fit(code)
    assert "train.py" in caught.value.fix
    assert marked() == []


def test_an_endless_loop_is_ended_where_it_is(fit: Fit) -> None:
    code = "def fit(frame, target, params, seed):\n    while True:\n        pass\n"
    with pytest.raises(StepError, match=r"^train.py, line [23]: a call took more than 3 s \(train.timeout\)"):
        fit(code, timeout="3s")
    assert marked() == []


def test_more_memory_than_it_may_have_ends_it(fit: Fit) -> None:
    code = "def fit(*_):\n    held = []\n    while True:\n        held.append(bytearray(1 << 20))\n"
    with pytest.raises(StepError, match=r"^train.py, line 4: it used more than 400 MiB of memory"):
        fit(code, train="  resources: {memory: 400Mi}\n")


def test_what_it_writes_without_end_fills_neither_the_log_nor_memory(
    fit: Fit, capfd: pytest.CaptureFixture[str]
) -> None:
    shouting = "import os\n" + SKLEARN.replace(
        "    return",
        "    for _ in range(80):\n        os.write(1, b'\\xff' * (1 << 20) + b'\\n')\n    return",
    )
    assert len(fit(shouting)) == 1
    out = capfd.readouterr().out
    assert len(out) < 4 << 20
    assert "is not kept" in out


def test_a_fork_that_comes_back_and_one_that_hides_change_nothing_and_are_gone(fit: Fit) -> None:
    code = "import os, time\n" + SKLEARN.replace(
        "    return",
        "    if not os.fork():\n        os.setsid()\n        time.sleep(600)\n    os.fork()\n    return",
    )
    started = time.monotonic()
    (made,) = fit(code)
    assert made.onnx
    assert time.monotonic() - started < 60
    assert marked() == []


def test_it_sees_none_of_our_keys_and_a_secret_of_its_own_is_kept_out_of_the_log(
    fit: Fit, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "K_SINK", "DATABASE_URL", "TOKEN", "OTHER_TOKEN"):
        monkeypatch.setenv(name, f"the-{name}")
    monkeypatch.setenv("CODE_SECRETS", "TOKEN OTHER_TOKEN")
    code = SKLEARN.replace("def fit", "import os\nprint(sorted(os.environ), os.environ['TOKEN'])\n\ndef fit")
    fit(code, train="  secrets: {TOKEN: some/token}\n")
    out = capfd.readouterr().out
    assert "'TOKEN'" in out
    assert "***" in out
    for hidden in ("AWS_SECRET_ACCESS_KEY", "K_SINK", "DATABASE_URL", "OTHER_TOKEN", "the-TOKEN"):
        assert hidden not in out
    raising = "import os\n\ndef fit(*_):\n    raise ValueError(os.environ['TOKEN'])\n"
    with pytest.raises(StepError) as caught:
        fit(raising, train="  secrets: {TOKEN: some/token}\n")
    assert "the-TOKEN" not in caught.value.problem


@pytest.mark.parametrize(("allowed", "said"), [("", "lets no code have"), ("TOKEN", "is not set")])
def test_a_secret_that_the_operator_does_not_allow_or_has_not_set_is_refused(
    fit: Fit, monkeypatch: pytest.MonkeyPatch, allowed: str, said: str
) -> None:
    monkeypatch.setenv("CODE_SECRETS", allowed)
    monkeypatch.delenv("TOKEN", raising=False)
    with pytest.raises(StepError, match=said):
        fit(SKLEARN, train="  secrets: {TOKEN: some/token}\n")


def test_the_same_seed_gives_the_same_graph_also_of_code_that_does_not_look_at_it(fit: Fit) -> None:
    code = (
        "import numpy as np\nfrom sklearn.tree import DecisionTreeClassifier\n\n"
        "def fit(frame, target, params, seed):\n    noise = np.random.rand(*frame.shape)\n"
        "    return DecisionTreeClassifier().fit(frame + noise, target)\n"
    )
    first, second = fit(code, {}, {})
    assert first.onnx == second.onnx
