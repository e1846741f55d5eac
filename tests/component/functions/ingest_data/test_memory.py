"""Memory stays bounded whatever the size of the file: measured in a process of its own."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from functions.ingest_data.process_file import process_file
from functions.data_files.object_keys import classify_key
from functions.data_files.refusal import FileRefused
from functions.ingest_data.settings import Settings
from functions.data_files.spool import spool
from pipelines.spec import parse_spec

def peak_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024

path, folder = Path(sys.argv[1]), Path(sys.argv[2])
before = peak_mb()
reason = None
rows = 0
try:
    with path.open("rb") as source:
        spooled = spool(source, folder, classify_key(f"m/{path.name}").format, Settings("-"), encoding=None)
    spec = parse_spec(b"target: y\\nentity: id\\ningest: {tolerated_bad_rows: 1}", model="m")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    found = process_file(spooled, spec, None, now=now, folder=folder, max_columns=10_000)
    rows, reason = found.rows, found.refusal and found.refusal.reason
except FileRefused as refusal:
    reason = refusal.reason
print(json.dumps({"before": before, "peak": peak_mb(), "rows": rows, "reason": reason}))
"""


def measure(path: Path) -> dict[str, object]:
    folder = path.with_name("scratch")
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), str(folder)], capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs Linux: run the tests in a container"
)
def test_a_large_csv_with_an_entity_passes_within_a_fixed_amount_of_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    tail = ",12.5,NL,some words here,2025-01-01T10:00:00,0.123456,1\n"
    with path.open("w") as out:
        out.write("id,amount,country,note,seen,score,y\n")
        for start in range(0, 1_500_000, 50_000):
            out.write("".join([f"{number}{tail}" for number in range(start, start + 50_000)]))
    assert path.stat().st_size > 90_000_000
    found = measure(path)

    assert (found["rows"], found["reason"]) == (1_500_000, None)
    assert int(str(found["peak"])) < 400


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs Linux: run the tests in a container"
)
def test_a_packed_line_of_two_gigabytes_is_refused_within_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "line.csv.gz"
    member = gzip.compress(b"x" * (32 << 20))
    path.write_bytes(member * 64)  # gzip members side by side are one stream: 2 GiB without a line end
    found = measure(path)

    assert found["reason"] == "a line is too long"
    assert int(str(found["peak"])) - int(str(found["before"])) < 64


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs Linux: run the tests in a container"
)
def test_a_file_of_bad_cells_only_does_not_fill_memory(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(b"id,a,b,y\n" + b"1,2,3,4\n" * 60_000 + b"x,x,x,\n" * 600_000)
    found = measure(path)

    assert found["rows"] == 660_000
    assert int(str(found["peak"])) < 450


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs Linux: run the tests in a container"
)
def test_a_small_parquet_file_of_long_repeated_texts_passes_within_a_fixed_amount_of_memory(
    tmp_path: Path,
) -> None:
    path = tmp_path / "texts.parquet"
    places = pa.array(np.zeros(400, dtype=np.int32))
    text = pa.DictionaryArray.from_arrays(places, pa.array(["x" * (1 << 20)])).cast(pa.large_string())
    pq.write_table(pa.table({"id": np.arange(400), "t": text, "y": np.arange(400)}), path)
    found = measure(path)

    assert path.stat().st_size < 200_000
    assert (found["rows"], found["reason"]) == (400, None)
    assert int(str(found["peak"])) < 512
