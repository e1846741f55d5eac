"""What a model.yaml says when it is right, and every way in which it can be wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import functions
from eventing.catalogue import Problem
from pipelines.spec import (
    RESERVED_NAMES,
    Kind,
    ModelSpec,
    SpecError,
    parse_spec,
    spec_digest,
)

from .conftest import only_problem, problems_of

WHOLE = b"""\
model: churn
task: classification
target: churned
entity: customer_id
timestamp: seen_at
schema: {amount: {type: float, min: 0, nullable: false}, country: {type: category, values: [NL, no]}}
train:
  metric: roc_auc
  candidates: [{estimator: logistic_regression, grid: {C: [0.1, 1, 1e1]}}, {estimator: random_forest}]
  holdout: 0.2
  pipeline: s3://raw/churn/pipeline.yaml
  window: {parts: 12}
  seed: 7
  class_weight: balanced
gate:    {min: 0.75, better_than_champion_by: 0.0, slices: [country], approval: manual}
rollout: {phases: [shadow, canary], canary_percent: 10, margin: 0.01, min_labels: 100, deadline: 14d}
drift:   {detector: tabular, alpha: 0.05, window: 500, min_effect: 0.1, features: all}
retrain: {on: [dataset, drift, performance, age], debounce: 60s, cooldown: 6h, max_per_day: 4, max_age: 30d}
labels:  {window: 7d}
ingest:  {tolerated_bad_rows: 0.1, delimiter: ";", encoding: latin-1}
"""


def test_every_key_of_a_whole_model_yaml_arrives_typed() -> None:
    spec = parse_spec(WHOLE, model="churn")

    assert (spec.model, spec.task, spec.target) == ("churn", "classification", "churned")
    assert (spec.entity, spec.timestamp) == ("customer_id", "seen_at")
    assert spec.schema_["amount"].kind is Kind.NUMBER
    assert spec.schema_["amount"].nullable is False
    assert spec.schema_["country"].values == ("NL", "no")
    assert spec.train.candidates[0].grid == {"C": (0.1, 1, 10.0)}
    assert spec.train.candidates[1].grid == {}
    assert (spec.train.window.parts, spec.train.seed) == (12, 7)
    assert (spec.gate.min, spec.gate.slices, spec.gate.approval) == (0.75, ("country",), "manual")
    assert spec.rollout.deadline == timedelta(days=14)
    assert spec.drift.features == "all"
    assert spec.retrain.on == ("dataset", "drift", "performance", "age")
    assert spec.retrain.cooldown == timedelta(hours=6)
    assert spec.labels.window == timedelta(days=7)
    assert (spec.ingest.delimiter, spec.ingest.encoding) == (";", "iso8859-1")


def test_the_target_alone_is_enough_and_the_rest_has_its_documented_default() -> None:
    spec = parse_spec(b"target: churned", model="churn")

    assert spec.model == "churn"
    assert spec.task is None
    assert (spec.train.holdout, spec.train.window.parts, spec.train.candidates) == (0.2, None, ())
    assert (spec.rollout.margin, spec.rollout.alpha, spec.rollout.min_labels) == (0.01, 0.05, 100)
    assert (spec.drift.window, spec.drift.min_effect) == (500, 0.1)
    retrain = spec.retrain
    assert (retrain.debounce, retrain.debounce_max) == (timedelta(seconds=60), timedelta(minutes=10))
    assert (retrain.cooldown, retrain.cooldown_runs) == (timedelta(hours=6), 3.0)
    assert (retrain.harm_cooldown, retrain.harm_min_rows) == (timedelta(hours=1), 200)
    assert (retrain.max_per_day, retrain.max_age, retrain.breaker) == (4, timedelta(days=30), 2)
    assert (retrain.min_rows, retrain.min_rows_share) == (500, 0.05)
    assert spec.ingest.tolerated_bad_rows == 0.05


def test_an_unknown_key_is_named_with_its_line_and_the_nearest_valid_one() -> None:
    problem = only_problem(b"target: y\ntrain:\n  holdot: 0.2\n")

    assert problem.where == "train.holdot (line 3, column 3)"
    assert problem.problem == "unknown key `holdot`"
    assert problem.fix.startswith("did you mean `holdout`? valid here: metric, candidates, holdout")


def test_even_a_key_like_no_other_gets_a_nearest_one() -> None:
    assert "did you mean `" in only_problem(b"target: y\nzzzzzzzz: 1\n").fix


@pytest.mark.parametrize(
    ("line", "where", "expected", "fix"),
    [
        (
            b"train: {holdout: abc}",
            "train.holdout (line 2, column 9)",
            "got 'abc', expected a number",
            "holdout: 0.2",
        ),
        (
            b"train: {holdout: 0.9}",
            "train.holdout",
            "got 0.9, expected a number of at most 0.5",
            "holdout: 0.2",
        ),
        (b'train: {holdout: "0.2"}', "train.holdout", "got '0.2', expected a number", "holdout: 0.2"),
        (b"train: {seed: 1.5}", "train.seed", "got 1.5, expected a whole number", "seed: 0"),
        (b"train: {seed: true}", "train.seed", "got true, expected a whole number", "seed: 0"),
        (b"train: 3", "train (line 2, column 1)", "got 3, expected a mapping", "{holdout: 0.2}"),
        (
            b"retrain: {debounce: 60}",
            "retrain.debounce",
            "got 60, expected a duration with a unit",
            "debounce: 60s",
        ),
        (
            b"retrain: {cooldown: 6 hours}",
            "retrain.cooldown",
            "got '6 hours', expected a number with a unit",
            "6h",
        ),
        (b"retrain: {on: [datset]}", "retrain.on[0]", "got 'datset', expected 'dataset', 'drift'", ""),
        (
            b"retrain: {on: [age, age]}",
            "retrain.on",
            "expected each trigger at most once",
            "on: [dataset, age]",
        ),
        (
            b"rollout: {phases: [canary, shadow]}",
            "rollout.phases",
            "in that order",
            "phases: [shadow, canary]",
        ),
        (
            b"gate: {approval: maybe}",
            "gate.approval",
            "got 'maybe', expected 'automatic' or 'manual'",
            "manual",
        ),
        (b"drift: {features: 3}", "drift.features", "got 3, expected `all` or a list of column names", "all"),
        (
            b"schema: {a: {type: flot}}",
            "schema.a.type",
            "got 'flot', expected one of number (float)",
            "type: number",
        ),
        (b"schema: {a: {min: .nan}}", "schema.a.min", "got nan, expected a number, or an ISO date", "min: 0"),
        (b"schema: {a: {type: int, min: 5, max: 1}}", "schema.a", "expected min not above max", ""),
        (b"schema: {a: {type: text, min: 5}}", "schema.a", "expected min and max only for number", ""),
        (b"schema: {a: {type: int, min: 2020-01-01}}", "schema.a", "expected min and max as numbers", ""),
        (b"schema: {a: {values: [x, x]}}", "schema.a.values", "a list in which no value stands twice", ""),
        (
            b"ingest: {encoding: klingon}",
            "ingest.encoding",
            "got 'klingon', expected a known encoding",
            "cp1252",
        ),
        (b"ingest: {delimiter: ab}", "ingest.delimiter", "got 'ab', expected text of the form", '";"'),
        (b"gate: {min: .inf}", "gate.min", "got inf, expected a finite number", "min: 0.75"),
        (
            b"train: {candidates: {estimator: x}}",
            "train.candidates",
            "got a mapping of 1 keys, expected a list",
            "",
        ),
        (
            b"train: {candidates: [{grid: {}}]}",
            "train.candidates[0] (line 2",
            "the key `train.candidates[0].estimator`",
            "",
        ),
        (
            b"train: {candidates: [{estimator: x, grid: {C: 1}}]}",
            "train.candidates[0].grid.C",
            "got 1, expected a list of one or more plain values",
            "",
        ),
    ],
)
def test_a_bad_value_is_named_with_its_place_what_was_got_what_is_expected_and_a_fix(
    line: bytes, where: str, expected: str, fix: str
) -> None:
    problem = only_problem(b"target: y\n" + line + b"\n")

    assert problem.where.startswith(where)
    assert expected in problem.problem
    assert fix in problem.fix


def test_all_problems_are_reported_at_once() -> None:
    raw = b"""\
model: other
targt: y
train: {holdout: 3, candidates: [{estimator: 3}], seed: x}
retrain: {debounce: 60, on: [nothing]}
train: {}
"""
    places = [problem.where.split(" ")[0] for problem in problems_of(raw.replace(b"train: {}\n", b""))]

    assert places == [
        "model",
        "model.yaml",
        "train.candidates[0].estimator",
        "train.holdout",
        "train.seed",
        "retrain.on[0]",
        "retrain.debounce",
        "targt",
    ]
    assert any("stands here again, first on line 3" in problem.problem for problem in problems_of(raw))


def test_the_folder_and_the_key_model_must_agree() -> None:
    problem = only_problem(b"model: other\ntarget: y\n")

    assert problem.problem == "got 'other', expected the folder's name, 'churn'"
    assert problem.fix == "write `model: churn`, or leave the key out"


@pytest.mark.parametrize("name", ["Churn", "churn_nl", "-churn", "churn-", "1churn", "c" * 41, "chürn", ""])
def test_a_model_name_that_is_no_dns_label_is_refused(name: str) -> None:
    problem = only_problem(b"target: y", model=name)

    assert "a DNS label: lower-case letters, digits and dashes, at most 40" in problem.problem


def test_a_model_cannot_be_named_like_any_function() -> None:
    folder = Path(functions.__file__).parent
    modules = [each.parent.name for each in folder.glob("*/app.py")] + ["run_training"]

    assert modules
    for module in modules:
        problem = only_problem(b"target: y", model=module.replace("_", "-")).problem
        assert "a name that is not one of Kascade's own Services" in problem
    assert {module.replace("_", "-") for module in modules} <= RESERVED_NAMES


def test_the_grids_together_are_bounded() -> None:
    grid = ", ".join(f"{name}: [1, 2, 3, 4, 5, 6, 7]" for name in "abc")
    raw = f"target: y\ntrain: {{candidates: [{{estimator: x, grid: {{{grid}}}}}]}}".encode()

    assert "at most 200 experiments in all; the grids make 343" in only_problem(raw).problem


def test_roles_must_fit_each_other() -> None:
    assert "entity and target to be different" in only_problem(b"target: y\nentity: y").problem
    assert "`type: datetime`" in only_problem(b"target: y\ntimestamp: t\nschema: {t: int}").problem
    assert "not a datetime" in only_problem(b"target: y\nschema: {y: date}").problem
    regression = b"target: y\ntask: regression\nschema: {y: {values: [a, b]}}"
    assert "a numeric target for regression" in only_problem(regression).problem


def test_further_checks_see_a_valid_spec_and_get_their_lines() -> None:
    def check(spec: ModelSpec) -> list[Problem]:
        return [
            Problem(where="train.candidates[0].estimator", problem=f"no {spec.train.candidates[0].estimator}")
        ]

    raw = b"target: y\ntrain:\n  candidates:\n    - estimator: magic\n"
    with pytest.raises(SpecError) as caught:
        parse_spec(raw, model="churn", checks=[check])

    assert str(caught.value) == "train.candidates[0].estimator (line 4, column 7): no magic"


def test_the_digest_is_of_what_it_says_not_how_it_is_written() -> None:
    first = parse_spec(b"target: y\nretrain: {cooldown: 60m}", model="churn")
    second = parse_spec(b"# why\nretrain:\n  cooldown: 1h\ntarget: 'y'\nmodel: churn", model="churn")
    third = parse_spec(b"target: y\nretrain: {cooldown: 61m}", model="churn")

    assert spec_digest(first) == spec_digest(second) != spec_digest(third)


def test_a_spec_survives_its_own_dump() -> None:
    spec = parse_spec(WHOLE, model="churn")
    again = ModelSpec.model_validate(spec.model_dump(by_alias=True))

    assert again == spec


def test_without_a_folder_the_key_names_the_model() -> None:
    assert parse_spec(b"model: churn\ntarget: y").model == "churn"
    assert "`model` is missing" in only_problem(b"target: y", model=None).problem
