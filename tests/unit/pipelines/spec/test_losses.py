"""`rollout.loss`: what is taken, and how each wrong one is told."""

from __future__ import annotations

import pytest

from pipelines.spec import SpecError, check_rules, parse_spec
from pipelines.spec.losses import spell
from pipelines.spec.parse import spec_digest


def loss(text: str, more: str = "") -> object:
    raw = f"target: y\n{more}\nrollout: {{loss: {text}}}".encode()
    return parse_spec(raw, model="m", checks=[check_rules]).rollout.loss


@pytest.mark.parametrize("name", ["zero_one", "balanced"])
def test_names_are_taken(name: str) -> None:
    assert loss(name) == name


def test_costs_are_taken_whatever_type_their_classes_have() -> None:
    assert loss("{1: {0: 20}}") == {"1": {"0": 20.0}}
    assert loss("{fraud: {genuine: 2.5}, genuine: {fraud: 1}}") == {
        "fraud": {"genuine": 2.5},
        "genuine": {"fraud": 1.0},
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("balancd", "did you mean 'balanced'?"),
        ("[1]", "zero_one, balanced, or costs as"),
        ("{fraud: 3}", "the costs of 'fraud' as a mapping"),
        ("{fraud: {}}", "the costs of 'fraud' as a mapping"),
        ("{fraud: {genuine: -1}}", "a cost from 0 to 1000000 for 'genuine' in place of 'fraud'"),
        ("{fraud: {genuine: true}}", "a cost from 0 to 1000000"),
        ("{fraud: {genuine: much}}", "a cost from 0 to 1000000"),
        ("{fraud: {fraud: 2}}", "no cost for 'fraud' where it is right"),
    ],
)
def test_what_is_no_loss_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(SpecError) as caught:
        loss(text)

    (problem,) = caught.value.problems
    assert problem.where.startswith("rollout.loss (line 3")
    assert told in problem.problem


def test_a_class_that_the_target_does_not_have_is_told_with_the_nearest() -> None:
    with pytest.raises(SpecError) as caught:
        loss("{froud: {genuine: 2}}", "schema: {y: {values: [genuine, fraud]}}")

    (problem,) = caught.value.problems
    assert "'froud' is no class" in problem.problem
    assert problem.fix == "did you mean 'fraud'?"


def test_a_regression_has_no_costs() -> None:
    with pytest.raises(SpecError, match="absolute error"):
        loss("balanced", "task: regression")


def test_a_spec_that_names_the_default_has_the_digest_of_one_that_does_not() -> None:
    plain = parse_spec(b"target: y", model="m")
    named = parse_spec(b"target: y\nrollout: {loss: zero_one}\nlabels: {randomised: 0}", model="m")
    balanced = parse_spec(b"target: y\nrollout: {loss: balanced}", model="m")

    assert spec_digest(plain) == spec_digest(named) != spec_digest(balanced)


def test_one_loss_has_one_text() -> None:
    assert spell({"b": {"a": 1.0}, "a": {"b": 2.0}}) == spell({"a": {"b": 2.0}, "b": {"a": 1.0}})
