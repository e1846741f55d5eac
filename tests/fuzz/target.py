"""A target: a module of `fuzz.targets` with a harness `run`, `SEEDS`, and `TOKENS` of its format."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz.budget import Harness

FOLDER = Path(__file__).parent
CORPUS = FOLDER / "corpus"


@dataclass(frozen=True)
class Target:
    """What is fuzzed, and what inputs are made from."""

    name: str
    run: Harness
    seeds: Sequence[bytes]
    tokens: Sequence[bytes]


def target_names() -> list[str]:
    """List the targets."""
    return sorted(path.stem for path in (FOLDER / "targets").glob("[!_]*.py"))


def corpus_of(name: str) -> list[Path]:
    """List the inputs that once broke a promise."""
    return sorted((CORPUS / name).glob("*"))


def load(name: str) -> Target:
    """Import a target; its seeds include the inputs that once broke a promise."""
    module = importlib.import_module(name if "." in name else f"fuzz.targets.{name}")
    seeds = [*module.SEEDS, *(path.read_bytes() for path in corpus_of(name))]
    return Target(name, module.run, seeds, getattr(module, "TOKENS", ()))
