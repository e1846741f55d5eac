"""The benchmark of batch prediction: what it compares answers the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.batch import __main__ as bench
from benchmarks.batch.rows import ENCODING, labelled, make_file, rows
from pipelines.onnx_graph import Scorer
from pipelines.tables import encode_table


def test_the_floor_encodes_rows_as_the_job_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    outputs = Scorer.outputs

    def noted(scorer: Scorer, names: Any, matrix: Any, *block: int) -> Any:
        seen.append(matrix)
        return outputs(scorer, names, matrix, *block)

    monkeypatch.setattr(Scorer, "outputs", noted)
    bench.make_model(tmp_path, "linear")
    make_file(tmp_path / "rows.parquet", 1000)

    bench.onnxruntime(tmp_path, tmp_path / "rows.parquet")

    (matrix,) = seen
    np.testing.assert_array_equal(matrix, encode_table(ENCODING, rows(1000, 0)))
    assert 0.2 < labelled()[2].mean() < 0.8


@pytest.mark.parametrize("name", bench.ALONE)
def test_each_way_scores_the_file_to_its_end(name: str, tmp_path: Path) -> None:
    bench.make_model(tmp_path, "linear")
    make_file(tmp_path / "rows.parquet", 1000)

    bench.ALONE[name](tmp_path, tmp_path / "rows.parquet")

    assert [each.name for each in tmp_path.iterdir() if each.is_dir()] == []
