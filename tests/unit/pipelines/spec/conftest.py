"""What is wrong with a model.yaml."""

from __future__ import annotations

import pytest

from eventing.catalogue import Problem
from pipelines.spec import (
    SpecError,
    parse_spec,
)


def problems_of(raw: bytes, model: str | None = "churn") -> list[Problem]:
    with pytest.raises(SpecError) as caught:
        parse_spec(raw, model=model)
    return list(caught.value.problems)


def only_problem(raw: bytes, model: str | None = "churn") -> Problem:
    (problem,) = problems_of(raw, model)
    return problem
