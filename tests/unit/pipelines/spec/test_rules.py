"""The rules between sections: asked when a model.yaml is taken in, and not when it is read again."""

from __future__ import annotations

import pytest

from pipelines.spec import SpecError, check_rules, parse_spec


@pytest.mark.parametrize(
    ("lines", "where", "durations"),
    [
        (b"rollout: {deadline: 3d}", "rollout.deadline (line 2, column 11)", ("(3d)", "(7d)", "14d")),
        (b"labels:\n  window: 30d", "labels.window (line 3, column 3)", ("(14d)", "(30d)", "60d")),
        (b"rollout: {deadline: 7d}\nlabels: {window: 7d}", "rollout.deadline (line 2", ("(7d)", "14d")),
    ],
)
def test_a_deadline_within_the_labels_window_is_refused_when_taken_in_and_read_afterwards(
    lines: bytes, where: str, durations: tuple[str, ...]
) -> None:
    raw = b"target: y\n" + lines
    with pytest.raises(SpecError) as caught:
        parse_spec(raw, model="churn", checks=[check_rules])

    (problem,) = caught.value.problems
    assert problem.where.startswith(where)
    assert "to be longer than labels.window" in problem.problem
    assert all(duration in problem.problem + problem.fix for duration in durations)
    assert parse_spec(raw, model="churn").target == "y"


def test_without_phases_no_deadline_is_too_short() -> None:
    raw = b"target: y\nrollout: {phases: [], deadline: 1d}"
    assert parse_spec(raw, model="churn", checks=[check_rules]).rollout.phases == ()


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (b"{type: int, values: [1.5, 2]}", "got 1.5, expected whole numbers within 64 bits"),
        (b"{type: int, values: [9223372036854775808]}", "expected whole numbers within 64 bits"),
        (b"{type: number, values: [low, 1]}", "got 'low', expected numbers as values of a number column"),
        (b"{type: number, values: [true]}", "got True, expected numbers"),
    ],
)
def test_values_that_a_column_cannot_have_are_refused_when_taken_in_and_read_afterwards(
    rule: bytes, problem: str
) -> None:
    raw = b"target: y\nschema: {a: " + rule + b"}"
    with pytest.raises(SpecError) as caught:
        parse_spec(raw, model="churn", checks=[check_rules])

    (found,) = caught.value.problems
    assert found.where.startswith("schema.a.values (line 2")
    assert problem in found.problem
    assert parse_spec(raw, model="churn").schema_["a"].values
