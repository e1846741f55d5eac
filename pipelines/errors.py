"""What a training step may report on purpose.

TrainingError
├── StepError         the data or the spec is at fault: its owner can fix it, trying again cannot
│   └── FitError      one estimator with its parameters does not suit the rows; another may
└── TransientError    the surroundings are at fault: trying again may help
"""

from __future__ import annotations


class TrainingError(Exception):
    """The base of every error that a training step reports."""


class StepError(TrainingError):
    """The data or the spec cannot give a model. `fix` says what its owner can do."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix


class FitError(StepError):
    """An estimator cannot be fitted to these rows, or cannot predict them."""


class TransientError(TrainingError):
    """Something around the training did not answer; the same run may succeed later."""
