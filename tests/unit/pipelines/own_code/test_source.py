"""What can be told of a train.py without running it."""

from __future__ import annotations

import pytest

from pipelines.own_code.source import MAX_BYTES, fault_of

FIT = "def fit(frame, target, params, seed): ..."


@pytest.mark.parametrize(
    "code",
    [
        FIT,
        "def fit(a, b, c, d, more=1): ...",
        "def fit(*given): ...",
        "def fit(frame, target, params, seed, **more): ...",
        "from team.models import train as fit",
        "from team.models import *",
        "fit = lambda frame, target, params, seed: None",
        "class Model:\n    def fit(self, x): ...\n\n" + FIT,
        "if True:\n    " + FIT,
        "# -*- coding: latin-1 -*-\n# \xe9\n" + FIT,
    ],
)
def test_code_with_a_function_fit_is_fine(code: str) -> None:
    assert fault_of(code.encode("latin-1"), "train.py") is None


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "train.py has no function `fit`"),
        ("def train(): ...", "train.py has no function `fit`"),
        ("\n\ndef fit(frame, target): ...", "train.py, line 3: `fit` does not take"),
        ("def fit(frame, target, params, seed, more): ...", "train.py, line 1: `fit` does not take"),
        ("def fit(frame, target, params, *, seed): ...", "train.py, line 1: `fit` does not take"),
        ("async " + FIT, "train.py, line 1: `fit` is asynchronous"),
        ("def fit(:\n", "train.py, line 1: SyntaxError: "),
        ("if 1:\nx", "train.py, line 2: IndentationError: "),
        ("x = '\0'", "train.py"),
        ("(" * 100_000, "train.py"),
        ("# " + "x" * MAX_BYTES, f"train.py has more than {MAX_BYTES} bytes"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(code: str, said: str) -> None:
    found = fault_of(code.encode(), "train.py")
    assert found is not None
    assert found[0].startswith(said)
    assert found[1]


def test_bytes_that_are_no_text_are_no_python() -> None:
    assert fault_of(b"\xff\xfe\x00", "train.py") is not None
