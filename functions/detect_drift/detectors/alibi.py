"""Where alibi-detect comes in: at the first use, and with a clear word when it is not installed.

alibi-detect is under the Business Source License 1.1: free for non-production use, production needs a
licence from its owner. The detectors named `scipy_…` do without it.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_INSTALL = {
    "alibi_detect": "pip install 'kascade[drift]'",
    "torch": "pip install 'alibi-detect[torch]>=0.13,<1'",
}


class MissingExtra(ImportError):
    """A detector needs a package that is not installed; `install` is the command that provides it."""

    def __init__(self, package: str) -> None:
        self.package, self.install = package, _INSTALL[package]
        super().__init__(
            f"this detector needs {package}, which is not installed: {self.install}", name=package
        )


def alibi(module: str, name: str) -> Any:
    """Return alibi-detect's class `name`; the first import takes some 5 s and 300 MB.

    Raises:
        MissingExtra: alibi-detect is not installed.
    """
    _require("alibi_detect")
    # transformers, which alibi-detect imports, says at each start that it found no deep learning framework.
    logging.getLogger("transformers").addFilter(_is_relevant)
    return getattr(importlib.import_module(f"alibi_detect.{module}"), name)


def alibi_on_torch(module: str, name: str) -> Any:
    """Return alibi-detect's class `name`, which runs on torch.

    Raises:
        MissingExtra: alibi-detect or torch is not installed.
    """
    _require("alibi_detect")
    _require("torch")
    return alibi(module, name)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Make alibi-detect's random choices repeatable, and leave numpy's global state as it was."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)


def _require(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise MissingExtra(package)


def _is_relevant(record: logging.LogRecord) -> bool:
    return "Models won't be available" not in record.getMessage()
