"""Every detector on real alibi-detect: quiet on the same distribution, loud on another, repeatable.

Needs `pip install 'kascade[drift]'`; those on torch also `pip install 'alibi-detect[torch]>=0.13,<1'`.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from support.drift import check

from functions.detect_drift.columns import Table, category, number, table
from functions.detect_drift.compare import Checked
from functions.detect_drift.detection import ALL, Guarantee, Options
from functions.detect_drift.detectors import DETECTORS
from functions.detect_drift.detectors.alibi import MissingExtra
from functions.detect_drift.logic import Policy, Status

# Where torch is installed, alibi-detect imports what newer releases of torch deprecate.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning", "ignore:.torch.jit:DeprecationWarning"),
    pytest.mark.slow,
]

HAS_ALIBI = importlib.util.find_spec("alibi_detect") is not None
HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_alibi = pytest.mark.skipif(not HAS_ALIBI, reason="install it: pip install 'kascade[drift]'")
needs_torch = pytest.mark.skipif(
    not (HAS_ALIBI and HAS_TORCH), reason="install it: pip install 'alibi-detect[torch]>=0.13,<1'"
)
OPTIONS = Options(seed=1, expected_run=300)
ON_TORCH = ("mmd", "lsdd", "spot_the_diff")


def window(rows: int, seed: int, *, shift: float = 0.0, share: float = 0.3) -> Table:
    rng = np.random.default_rng(seed)
    return table(
        [
            number("amount", rng.normal(shift, 1, rows)),
            number("age", rng.integers(18, 80, rows)),
            number("fixed", np.ones(rows)),
            category("plan", np.where(rng.random(rows) < share, "gold", "free")),
            category("country", rng.choice(["at", "ch", "de"], rows, p=[0.2, 0.3, 0.5])),
        ]
    )


REFERENCE = window(2_000, 0)


SELDOM = Options(seed=1, expected_run=1_500)


def checked(detector: str, current: Table, options: Options = OPTIONS) -> Checked:
    return check(REFERENCE, current, detector=detector, policy=Policy(), window=1, options=options)


@needs_alibi
@pytest.mark.parametrize(
    ("detector", "drifted"),
    [
        ("tabular", {"amount", "plan"}),
        ("ks", {"amount"}),
        ("cvm", {"amount"}),
        ("chi_square", {"plan"}),
        ("classifier", {ALL}),
        ("cvm_online", {"amount"}),
        ("fet_online", {"plan"}),
        ("scipy_tabular", {"amount", "plan"}),
        ("scipy_ks", {"amount"}),
        ("scipy_chi_square", {"plan"}),
    ],
)
def test_a_detector_is_quiet_without_drift_and_names_what_drifted(detector: str, drifted: set[str]) -> None:
    quiet = checked(detector, window(600, 2))
    loud = checked(detector, window(600, 2, shift=0.8, share=0.7))

    assert quiet.status is Status.STABLE
    assert quiet.drifted == ()
    assert set(loud.drifted) == drifted
    assert {each.feature for each in loud.untested} <= set(REFERENCE)


@needs_torch
@pytest.mark.parametrize("detector", ON_TORCH)
def test_a_detector_on_torch_is_quiet_without_drift_and_loud_with_it(detector: str) -> None:
    assert checked(detector, window(600, 2)).status is Status.STABLE
    assert checked(detector, window(600, 2, shift=1.5, share=0.9)).drifted == (ALL,)


@needs_torch
def test_a_permutation_test_says_when_it_can_no_longer_alarm() -> None:
    late = check(
        REFERENCE, window(600, 2, shift=2), detector="lsdd", policy=Policy(), window=9, options=OPTIONS
    )

    assert late.status is Status.STABLE
    assert "gives no p-value below 0.001" in late.untested[-1].reason


@needs_alibi
@pytest.mark.skipif(HAS_TORCH, reason="torch is installed: see it missing with pip uninstall torch")
@pytest.mark.parametrize("detector", ON_TORCH)
def test_a_detector_on_torch_names_the_command_that_installs_it(detector: str) -> None:
    with pytest.raises(MissingExtra, match=r"pip install 'alibi-detect\[torch\]>=0.13,<1'"):
        checked(detector, window(600, 2))


@needs_alibi
@pytest.mark.parametrize("detector", ["classifier", "cvm", "cvm_online"])
def test_a_window_is_tested_alike_each_time_and_numpys_global_state_is_left_alone(detector: str) -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[union-attr, index]

    assert checked(detector, window(600, 5)) == checked(detector, window(600, 5))
    assert np.random.get_state()[1].tolist() == before  # type: ignore[union-attr, index]


@needs_alibi
@pytest.mark.parametrize(("other", "ours"), [("ks", "scipy_ks"), ("chi_square", "scipy_chi_square")])
def test_the_detectors_of_scipy_observe_what_alibi_detects_do(other: str, ours: str) -> None:
    rng = np.random.default_rng(4)
    reference = table([number("x", rng.normal(size=900)), category("c", rng.choice(list("abc"), 900))])
    current = table([number("x", rng.normal(0.1, 1, 600)), category("c", rng.choice(list("abc"), 600))])

    left, right = (DETECTORS[name](reference, current, OPTIONS) for name in (other, ours))

    assert [test.p_value for test in left.tests] == pytest.approx(
        [test.p_value for test in right.tests], rel=1e-4
    )


@needs_alibi
def test_a_detector_on_a_stream_says_at_which_row_and_which_guarantee_is_in_force() -> None:
    calm, moved = window(250, 6), window(350, 7, shift=2)
    both = table(
        [
            number("amount", [*calm["amount"].values, *moved["amount"].values]),
            category("plan", [*calm["plan"].values, *moved["plan"].values]),
        ]
    )

    found = checked("cvm_online", both, SELDOM)
    test = next(each.test for each in found.tests if each.test.feature == "amount")

    assert found.guarantee is Guarantee.RUN_LENGTH
    assert test.p_value is None
    assert test.row is not None
    assert 250 <= test.row < 300


@needs_alibi
def test_equal_values_raise_no_alarm_by_themselves() -> None:
    dice = [
        table([number("d", np.random.default_rng(s).integers(1, 4, n))]) for s, n in ((1, 2_000), (2, 600))
    ]

    for detector in ("cvm", "ks", "tabular", "cvm_online"):
        found = check(*dice, detector=detector, policy=Policy(min_effect=0), window=1, options=SELDOM)
        assert found.status is Status.STABLE, detector


def test_reading_the_registry_imports_neither_alibi_detect_nor_torch() -> None:
    code = (
        "import sys, functions.detect_drift.compare\n"
        "assert not {'alibi_detect', 'torch', 'sklearn', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
