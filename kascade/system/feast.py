"""Where Feast is on this machine: in an environment of its own, which `make feast` makes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pipelines

VARIABLE = "KASCADE_FEAST"
"""The variable that names the Python of an environment that Feast is installed in."""
SCRIPT = Path(pipelines.__file__).with_name("feast") / "kascade_feast.py"
DESCRIBE = SCRIPT.with_name("describe_repo.py")
_OF_CHECKOUT = Path(pipelines.__file__).parents[1] / ".cache" / "feast" / "bin" / "python"


def feast_variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what the manifests of the feature server and of its job take their command from.

    Without Feast this Python stands in: it says that Feast is missing, and how to get it.
    """
    given = environ.get(VARIABLE) or (str(_OF_CHECKOUT) if _OF_CHECKOUT.exists() else sys.executable)
    return {VARIABLE: given, "KASCADE_FEAST_PROGRAM": str(SCRIPT)}
