import numpy as np
import pyarrow as pa
import pytest
from onnx import TensorProto
from support.outside_models import churn_frame, convert_churn, fit_churn, linear
from support.training import CHURN_KINDS, churn_table

from pipelines.adoption import Adopted, Column, adopt, try_out
from pipelines.encoding.scales import fit_scale
from pipelines.errors import StepError
from pipelines.onnx_graph import Scorer
from pipelines.tables import encode_table, known_numbers

TABLE = churn_table(400)
CLASSES = ["no", "yes"]


def columns(table: pa.Table = TABLE, kinds: dict[str, str] = CHURN_KINDS) -> list[Column]:
    found = []
    for name, kind in kinds.items():
        column, more = table.column(name), {}
        if kind in ("number", "integer"):
            more["numbers"] = known_numbers(column)
        if kind == "category":
            more["labels"] = tuple(sorted({each for each in column.to_pylist() if each is not None}))
        found.append(Column(name, kind, missing=column.null_count > 0, **more))
    return [each for each in found if each.name != "churned"]


NUMBERS = {"calls": "integer", "member": "boolean"}


def score(adopted: Adopted, table: pa.Table = TABLE) -> np.ndarray:
    return Scorer(adopted.raw).score(encode_table(adopted.encoding, table))


@pytest.mark.parametrize("zipmap", [True, False])
def test_a_scikit_learn_pipeline_with_an_input_a_column_answers_as_it_did_elsewhere(zipmap: bool) -> None:
    pipeline = fit_churn(TABLE)
    adopted = adopt(convert_churn(pipeline, zipmap=zipmap), columns(), CLASSES)
    try_out(adopted, encode_table(adopted.encoding, TABLE), CLASSES)
    assert [feature.name for feature in adopted.features] == ["amount", "calls", "country", "shop"]
    assert adopted.encoding.names == tuple(name for name in CHURN_KINDS if name != "churned")
    np.testing.assert_allclose(score(adopted), pipeline.predict_proba(churn_frame(TABLE)), atol=1e-5)


def test_a_category_that_only_the_model_knows_reaches_it_and_a_new_one_is_new_to_it() -> None:
    pipeline = fit_churn(TABLE)
    few = [Column(c.name, c.kind, numbers=c.numbers, labels=c.labels[:1]) for c in columns()]
    adopted = adopt(convert_churn(pipeline), few, CLASSES)
    rows = TABLE.slice(0, 3).set_column(
        TABLE.column_names.index("shop"), "shop", pa.array(["shop-59", "never seen", None])
    )
    np.testing.assert_allclose(score(adopted, rows), pipeline.predict_proba(churn_frame(rows)), atol=1e-5)


@pytest.mark.parametrize("element", [TensorProto.FLOAT, TensorProto.DOUBLE])
def test_one_tensor_takes_the_features_in_the_order_of_the_data(element: int) -> None:
    raw = linear([[-0.1, 0.1], [0.5, -0.5]], [0.2, 0.0], element=element)
    adopted = adopt(raw, columns(TABLE, NUMBERS), CLASSES)
    logits = np.stack([TABLE["calls"].to_numpy(), TABLE["member"].to_numpy()], axis=1) @ [
        [-0.1, 0.1],
        [0.5, -0.5],
    ]
    powers = np.exp(logits + np.array([0.2, 0.0]))
    np.testing.assert_allclose(score(adopted), powers / powers.sum(axis=1, keepdims=True), atol=1e-5)


def test_its_columns_can_be_named_in_another_order() -> None:
    raw = linear([[0.5, -0.5], [-0.1, 0.1]], [0.2, 0.0])
    named = adopt(raw, columns(), CLASSES, features=["member", "calls"])
    same = adopt(linear([[-0.1, 0.1], [0.5, -0.5]], [0.2, 0.0]), columns(TABLE, NUMBERS), CLASSES)
    np.testing.assert_allclose(score(named), score(same), atol=1e-6)


@pytest.mark.parametrize("element", [TensorProto.FLOAT, TensorProto.DOUBLE])
@pytest.mark.parametrize(
    ("weights", "features"), [([[0.5, -0.5], [-0.1, 0.1]], ["member", "calls"]), ([[-0.1, 0.1]], ["calls"])]
)
def test_whatever_it_takes_rows_are_given_in_the_order_of_the_data_as_before(
    element: int, weights: list[list[float]], features: list[str]
) -> None:
    adopted = adopt(
        linear(weights, [0.2, 0.0], element=element), columns(TABLE, NUMBERS), CLASSES, features=features
    )
    assert [feature.name for feature in adopted.features] == features
    rows = np.stack([TABLE["calls"].to_numpy(), TABLE["member"].to_numpy()], axis=1).astype(np.float64)
    np.testing.assert_allclose(
        Scorer(adopted.raw).score(adopted.encoding.encode_matrix(rows)), score(adopted)
    )
    taken = TABLE.select(features)
    np.testing.assert_allclose(score(adopted, taken), score(adopted))


def test_one_probability_is_that_of_the_second_class() -> None:
    adopted = adopt(linear([[0.3], [0.0]], [-1.0], ending="Sigmoid"), columns(TABLE, NUMBERS), CLASSES)
    second = 1 / (1 + np.exp(-(TABLE["calls"].to_numpy() * 0.3 - 1)))
    np.testing.assert_allclose(score(adopted), np.stack([1 - second, second], axis=1), atol=1e-5)


def test_classes_can_be_named_in_another_order() -> None:
    raw = linear([[-0.1, 0.1], [0.5, -0.5]], [0.2, 0.0])
    turned = adopt(raw, columns(TABLE, NUMBERS), CLASSES, given_classes=["yes", "no"])
    np.testing.assert_allclose(
        score(turned), score(adopt(raw, columns(TABLE, NUMBERS), CLASSES))[:, ::-1], atol=1e-6
    )


def test_whole_numbers_beyond_float32_reach_an_input_of_whole_numbers() -> None:
    seconds = np.array([1_764_460_800_000 + 7 * step for step in range(50)], dtype=np.int64)
    table = pa.table({"at": pa.array(seconds)})
    raw = _passed_on("at", TensorProto.INT64)
    answer = fit_scale(seconds.astype(np.float64))[0]
    adopted = adopt(raw, columns(table, {"at": "integer"}), None, answer=answer)
    assert list(adopted.encoding.answers(score(adopted, table))) == list(seconds)


def _passed_on(name: str, element: int) -> bytes:
    from onnx import helper

    graph = helper.make_graph(
        [helper.make_node("Cast", [name], ["y"], to=TensorProto.DOUBLE)],
        "outside",
        [helper.make_tensor_value_info(name, element, ["N", 1])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["N", 1])],
    )
    opset = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString())


SMALL = linear([[-0.1, 0.1], [0.5, -0.5]], [0.2, 0.0])


@pytest.mark.parametrize(
    ("raw", "given", "problem", "fix"),
    [
        (b"PK\x03\x04 no model", {}, "it is no ONNX file", "plain ONNX operators"),
        (
            linear([[1, 0], [0, 1]], [0, 0], ending="Evil", domain="com.example"),
            {},
            "an operator of the domain 'com.example'",
            "plain ONNX operators",
        ),
        (
            linear([[1, 0]] * 3, [0, 0]),
            {},
            "'x' (float [N, 3]) should be [N, 2]: calls, member",
            "--features",
        ),
        (
            SMALL,
            {"features": ["calls", "membre"]},
            "'membre', which is no feature of the data (did you mean 'member'?)",
            "",
        ),
        (SMALL, {"features": ["calls", "calls"]}, "names a column twice", ""),
        (linear([[1, 0], [0, 1]], [0, 0], rows=1), {}, "takes 1 rows at a time", "dynamic_axes"),
        (
            linear([[1, 0, 0], [0, 1, 0]], [0, 0, 0]),
            {},
            "'y' (float [N, 3]) should be [N, 2]: the data has 2 classes",
            "",
        ),
        (
            SMALL,
            {"given_classes": ["yes", "maybe"]},
            "`classes` are yes, maybe; those of the data are no, yes",
            "--classes",
        ),
        (
            linear([[1, 0], [0, 1]], [0, 0], named=("calls", "minutes")),
            {},
            "'minutes' (float [N, 1]) is no feature",
            "name the inputs",
        ),
        (
            linear([[1, 0], [0, 1]], [0, 0], named=("calls", "member")),
            {"features": ["calls", "member"]},
            "it has 2 inputs",
            "leave `features` out",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place_and_the_fix(
    raw: bytes, given: dict[str, list[str]], problem: str, fix: str
) -> None:
    with pytest.raises(StepError) as caught:
        adopt(raw, columns(TABLE, NUMBERS), CLASSES, **given)
    assert problem in caught.value.problem
    assert fix in caught.value.fix


def test_a_column_of_texts_in_one_tensor_of_floats_is_refused() -> None:
    with pytest.raises(StepError, match="'country', a category and no number"):
        adopt(SMALL, columns(TABLE, {"calls": "integer", "country": "category"}), CLASSES)


def test_an_input_of_another_kind_is_refused() -> None:
    raw = linear([[1, 0], [0, 1]], [0, 0], named=("calls", "since"))
    with pytest.raises(
        StepError, match=r"'since' \(float \[N, 1\]\) takes float, and 'since' is a datetime"
    ) as caught:
        adopt(raw, columns(), CLASSES)
    assert "leave 'since' out" in caught.value.fix


def test_an_input_of_whole_numbers_is_refused_where_values_are_missing() -> None:
    gaps = pa.table({"at": pa.array([1, None, 3])})
    with pytest.raises(StepError, match="no form for a missing value"):
        adopt(_passed_on("at", TensorProto.INT64), columns(gaps, {"at": "integer"}), None)


@pytest.mark.parametrize(
    ("raw", "given", "problem"),
    [
        (linear([[3, 0], [0, 1]], [0, 0], ending="Identity"), {}, "its output is no probabilities"),
        (linear([[1, 0], [0, 1]], [np.nan, 0]), {}, "with no number"),
        (convert_churn(fit_churn(TABLE)), {"given_classes": ["yes", "no"]}, "column 1 is 'no', 2 is 'yes'"),
        (convert_churn(fit_churn(TABLE, unknown="error")), {}, "has a value that it has never seen"),
    ],
)
def test_what_shows_only_when_rows_are_asked_is_refused(
    raw: bytes, given: dict[str, list[str]], problem: str
) -> None:
    adopted = adopt(raw, columns(TABLE, NUMBERS if b"shop" not in raw else CHURN_KINDS), CLASSES, **given)
    with pytest.raises(StepError) as caught:
        try_out(adopted, encode_table(adopted.encoding, TABLE), CLASSES)
    assert problem in caught.value.problem
