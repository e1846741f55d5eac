"""Keys of files and of results, and the Trigger that tells them apart."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from eventing.testing import object_created
from functions.data_files.object_keys import DataFile, Format, Ignored, Misplaced
from functions.data_files.refusal import FileRefused
from functions.score_batch.logic import RESULT_ENDINGS, choose_columns, kind_of, probability_names, result_key
from knative.local.broker.filters import parse_filters
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.columns import Number
from pipelines.encoding.unused import Unused

ROOT = Path(__file__).resolve().parents[4]
ENCODING = Encoding((Feature("a", "number", Number()), Feature("b", "number", Unused())))


@pytest.mark.parametrize(
    ("key", "format_", "result"),
    [
        ("m/a.csv", Format.CSV, "m/a.predictions.csv"),
        ("m/a.csv.gz", Format.CSV, "m/a.csv.gz.predictions.csv"),
        ("m/a.json", Format.JSON_LINES, "m/a.json.predictions.csv"),
        ("m/a.xlsx", Format.EXCEL, "m/a.xlsx.predictions.csv"),
        ("m/d/a.parquet", Format.PARQUET, "m/d/a.predictions.parquet"),
        ("m/a.csv", Format.PARQUET, "m/a.csv.predictions.parquet"),
    ],
)
def test_a_result_lies_beside_its_file_and_is_nothing_to_score(
    key: str, format_: Format, result: str
) -> None:
    assert isinstance(kind_of(key), DataFile)
    assert result_key(key, format_) == result
    assert isinstance(kind_of(result), Ignored)
    assert result.endswith(RESULT_ENDINGS)


def test_what_has_no_rows_is_misplaced() -> None:
    assert isinstance(kind_of("m/model.yaml"), Misplaced)
    assert isinstance(kind_of("m/train.py"), Misplaced)
    assert isinstance(kind_of("a.csv"), Misplaced)
    assert isinstance(kind_of("m/.hidden.csv"), Ignored)


@pytest.mark.parametrize(
    ("bucket", "key", "passes"),
    [
        ("batch", "m/a.csv", True),
        ("batch", "m/a.predictions.csv", False),
        ("batch", "m/a.predictions.parquet", False),
        ("raw", "m/a.csv", False),
    ],
)
def test_the_trigger_lets_through_files_and_no_results(bucket: str, key: str, passes: bool) -> None:
    trigger = yaml.safe_load((ROOT / "knative/base/score_batch/triggers.yaml").read_text())
    event = object_created(key, bucket=bucket)
    told = {"type": event.type, "source": event.source, "subject": key}
    assert parse_filters(trigger["spec"]).matches(told) is passes


def test_columns_that_the_model_does_not_read_are_kept_and_those_that_it_reads_must_be_there() -> None:
    chosen = choose_columns(["id", "b", "a", ""], ENCODING, ["a"], ["row"], max_columns=9)
    assert (chosen.features, chosen.kept, chosen.all) == (("a",), ("id", "b", "a"), ("a", "id", "b"))
    with pytest.raises(FileRefused, match="missing column: a"):
        choose_columns(["b"], ENCODING, [], [], max_columns=9)
    with pytest.raises(FileRefused, match="which the result adds"):
        choose_columns(["a", "row"], ENCODING, [], ["row"], max_columns=9)
    with pytest.raises(FileRefused, match="too many columns"):
        choose_columns(["a", "row"], ENCODING, [], [], max_columns=1)


def test_classes_name_their_columns_as_answers_name_them() -> None:
    assert probability_names([False, True]) == ("probability_false", "probability_true")
    assert probability_names([1, 2.5, "ä"]) == ("probability_1", "probability_2.5", "probability_ä")
    assert probability_names(None) == ()
