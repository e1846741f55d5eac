"""What `features:` may not say is named, with its line and what to write."""

from __future__ import annotations

import pytest

from pipelines.spec import SpecError, check_rules, parse_spec, spec_digest

HEAD = "target: churned\nentity: customer_id\ntimestamp: at\nfeatures: "


def _refused(features: str, head: str = HEAD) -> str:
    with pytest.raises(SpecError) as refused:
        parse_spec((head + features).encode(), model="churn", checks=[check_rules])
    return str(refused.value)


def test_a_whole_one_is_taken() -> None:
    features = (
        "{missing: default, defaults: {visits: 0}, deadline: 50ms, expressions: {ratio: amount / visits}, "
        "views: [{name: activity, path: 's3://lake/visits/*.parquet', ttl: 7d, fields: [balance], "
        "aggregations: [{function: count, window: 7d, as: visits}]}], use: [payments/activity]}"
    )
    spec = parse_spec((HEAD + features).encode(), model="churn", checks=[check_rules])
    assert spec.features is not None
    assert spec.features.views[0].features == ("balance", "visits")


def test_missing_null_is_the_policy_and_not_the_absence_of_one() -> None:
    spec = parse_spec((HEAD + "{missing: null, use: [payments/a]}").encode(), checks=[check_rules], model="m")
    assert spec.features is not None
    assert spec.features.missing == "null"


def test_a_spec_without_features_keeps_the_digest_that_it_had_before_there_were_any() -> None:
    known = "5e2ed191419f036f77316a6a743974f7fbaeef8fe5d6dc2d06ac807481d9dfed"
    assert spec_digest(parse_spec(b"target: churned", model="churn")) == known


def test_a_feast_repository_is_refused_with_the_command_that_imports_it() -> None:
    said = _refused("{repo: s3://lake/feast, views: [{name: a, fields: [x]}]}")
    assert said == (
        "features.repo (line 4, column 12): a Feast repository is not used live: its views are imported, and "
        "materialised here (fix: run `kascade features import REPO`, with what is here, and write what it "
        "prints in its place)"
    )


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ("{}", "no views, use or expressions"),
        ("{view: []}", "did you mean `views`?"),
        ("{views: [{name: a, fields: [x], tttl: 7d}]}", "did you mean `ttl`?"),
        ("{views: [{name: A, fields: [x]}]}", "features.views[0].name"),
        ("{views: [{name: a}]}", "fields or aggregations"),
        ("{views: [{name: a, fields: ['a:b']}]}", "without a colon"),
        ("{views: [{name: a, fields: [event_timestamp]}]}", "other than event_timestamp"),
        ("{views: [{name: a, fields: [x]}, {name: a, fields: [y]}]}", "a second view is called a"),
        ("{views: [{name: a, fields: [x]}, {name: b, fields: [x]}]}", "'x' is a feature of a already"),
        ("{views: [{name: a, fields: [x, x]}]}", "'x' stands twice"),
        ("{views: [{name: a, fields: [customer_id]}]}", "is the entity, and a feature too"),
        ("{views: [{name: a, fields: [churned]}]}", "the target is among them"),
        (
            "{views: [{name: a, aggregations: [{of: churned, function: mean, window: 7d}]}]}",
            "aggregations[0].of (line 4",
        ),
        ("{views: [{name: a, aggregations: [{of: x, function: sum, window: 0s}]}]}", "a duration above 0"),
        ("{views: [{name: a, aggregations: [{function: sum, window: 1h}]}]}", "`of` with sum"),
        ("{views: [{name: a, fields: [x], path: 's3://lake/*/x.parquet'}]}", "a * in the last part"),
        (
            "{views: [{name: a, fields: [x], path: 's3://lake/x', dataset: m}]}",
            "one of source, dataset and path",
        ),
        ("{use: [payments]}", "expected other-model/view"),
        ("{use: [payments/a, payments/a]}", "stands here twice"),
        ("{use: [p/a], defaults: {x: 0}}", "`missing` is null"),
        (
            "{missing: default, defaults: {balanc: 0}, views: [{name: a, fields: [balance]}]}",
            "did you mean 'balance'?",
        ),
        ("{expressions: {ratio: 'open(1)'}}", "there is no function open()"),
        ("{expressions: {ratio: 'churned * 2'}}", "it needs the target"),
        ("{expressions: {churned: 'a * 2'}}", "'churned' is the target already"),
        ("{missing: nul, use: [p/a]}", "'null', 'default' or 'refuse'"),
    ],
)
def test_what_cannot_be_is_named_with_its_place(features: str, said: str) -> None:
    assert said in _refused(features)


def test_entity_and_timestamp_must_come_from_somewhere() -> None:
    said = _refused("{views: [{name: a, fields: [x]}]}", head="target: churned\nfeatures: ")
    assert "which entity" in said
    assert "when its rows became true" in said
