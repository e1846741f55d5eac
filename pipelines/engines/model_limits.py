"""What a model.yaml may ask for the pods of its training: the operator sets it, and the rest is refused."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pipelines.engines import Refused, Run
from pipelines.records import Failure, Fault
from pipelines.spec import Train
from pipelines.spec.resources import bytes_of

_log = logging.getLogger(__name__)


class Defaults(Protocol):
    """What a step gets where model.yaml asks for nothing."""

    @property
    def cpu(self) -> str:
        """Cores."""
        ...

    @property
    def memory(self) -> str:
        """An amount."""
        ...


@dataclass(frozen=True)
class ModelLimits:
    """The most that a model may ask for.

    Attributes:
        cpu, memory: empty: what the operator gives each step; where that is nothing either, any amount.
        gpu: GPUs.
        node_selector: labels, each with the values that may be asked for.
        secrets: keys of Secrets, by Secret.
    """

    cpu: str = ""
    memory: str = ""
    gpu: int = 0
    node_selector: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def check(self, train: Train, defaults: Defaults, taken: Collection[str] = ()) -> None:
        """Raise Refused, naming everything that is asked for and not allowed.

        Args:
            taken: variables that every step has of the operator: no secret takes their place.
        """
        problems = [
            *self._problems(train, defaults),
            *(
                f"train.secrets.{name} is a variable of Kascade's own"
                for name in train.secrets
                if name in taken
            ),
        ]
        if problems:
            fix = "ask for less in model.yaml and drop it again, or have the operator allow it"
            raise Refused(Failure("launch", "; ".join(problems), fix, Fault.OWNER))

    def _problems(self, train: Train, defaults: Defaults) -> Iterator[str]:
        asked = train.resources
        cpu, memory = self.cpu or defaults.cpu, self.memory or defaults.memory
        if asked.cpu is not None and cpu and asked.cpu > _cores(cpu):
            yield f"train.resources.cpu is {asked.cpu:g}, the operator allows {cpu} (STEP_MAX_CPU)"
        if asked.memory is not None and memory and bytes_of(asked.memory) > bytes_of(memory):
            yield f"train.resources.memory is {asked.memory}, the operator allows {memory} (STEP_MAX_MEMORY)"
        if (asked.gpu or 0) > self.gpu:
            yield f"train.resources.gpu is {asked.gpu}, the operator allows {self.gpu} (STEP_MAX_GPU)"
        for label, value in train.node_selector.items():
            if value not in self.node_selector.get(label, ()):
                yield f"train.node_selector has {label}={value}, which is not allowed (STEP_ALLOWED_NODES)"
        for variable, secret in train.secrets.items():
            name, _, key = secret.partition("/")
            if key not in self.secrets.get(name, ()):
                yield f"train.secrets.{variable} is {secret}, which is not allowed (STEP_ALLOWED_SECRETS)"


def warn_of_ignored_limits(run: Run) -> None:
    """Log the keys of a run's model.yaml that an engine without pods can do nothing with."""
    train = run.train
    asked = {
        "train.resources.cpu": train.resources.cpu,
        "train.resources.gpu": train.resources.gpu,
        "train.resources.memory": None if train.code else train.resources.memory,
        "train.node_selector": train.node_selector,
    }
    for key in (key for key, value in asked.items() if value):
        _log.warning("run %s: %s is for Kubeflow, and is ignored here", run.run_id, key)


def _cores(text: str) -> float:
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)
