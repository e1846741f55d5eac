"""alibi-detect in a container: nobody may write beside the packages, and HOME is what the image says.

numba, which alibi-detect compiles with, looks for a place for what it compiled when it is imported: beside
the packages, then below HOME. Without one every look at drift fails.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
LOOK = """
import numpy as np
from functions.detect_drift.columns import number, table
from functions.detect_drift.compare import conclude, run_tests
from functions.detect_drift.detection import Options
from functions.detect_drift.logic import Policy
draw = np.random.default_rng(0).normal
before, after = (table([number("amount", draw(at, 1, 1_000))]) for at in (0.0, 3.0))
tests = run_tests(before, after, detector="ks", policy=Policy(), options=Options(seed=1))
found = conclude(before, after, tests, policy=Policy(), window=1)[1]
print("status:", found.status.value)
"""

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("alibi_detect") is None, reason="install it: pip install 'kascade[drift]'"
    ),
    pytest.mark.slow,
]


@functools.lru_cache
def namespace() -> tuple[str, ...]:
    """Return the command that gives a process mounts of its own; skip where the system gives none."""
    for command in (("unshare", "--mount"), ("unshare", "--map-root-user", "--mount")):
        if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    pytest.skip("needs a mount namespace: run it as root, or let users make namespaces")


def looked_at(home: str) -> subprocess.CompletedProcess[str]:
    """Look at drift with packages that cannot be written to, in an empty /tmp."""
    packages = sysconfig.get_path("purelib")
    script = (
        f"mount --bind {packages} {packages} && mount -o remount,bind,ro {packages}"
        ' && mount -t tmpfs tmpfs /tmp && exec "$@"'
    )
    return subprocess.run(
        [*namespace(), "sh", "-c", script, "sh", sys.executable, "-B", "-c", LOOK],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": home},
        capture_output=True,
        text=True,
        timeout=110,
    )


def home_of_the_image() -> str:
    (home,) = re.findall(r"\bHOME=(\S+)", (ROOT / "knative" / "image" / "Dockerfile").read_text())
    return str(home)


def test_drift_is_looked_at_where_only_the_images_home_can_be_written_to() -> None:
    done = looked_at(home_of_the_image())
    assert done.returncode == 0, done.stderr[-800:]
    assert done.stdout == "status: drifted\n"


def test_without_a_home_to_write_to_numba_finds_no_place_for_its_cache() -> None:
    """What the test above guards against; when this no longer fails, HOME need not be set."""
    done = looked_at("/proc/none")
    assert "no locator available" in done.stderr
