"""What can go wrong between a person and a system.

KascadeError
├── OutsideModelError    a file, or a model in MLflow, cannot be registered
├── HomeError            a state folder, a file or an option cannot be used as asked
├── CallError            a part of the system did not answer, or refused
├── StoreProcessError    an object store's process did not start
├── ReplayError          a log, or a policy, cannot be replayed
└── ScaffoldError        a name, a type or a checkout cannot be used by `kascade new`
"""

from __future__ import annotations


class KascadeError(Exception):
    """The base of every error of this package; the message says what to do."""
