"""Measure ingest_data on a large file: `python -m benchmarks.ingest` (some minutes; twice `--size` of disk).

What is measured is what it does with a file between fetching and storing it: bring it to the scratch disk,
find out its columns, check every row, look for duplicates, and write the part as Parquet. Beside it, programs
that only turn CSV into Parquet with their defaults, and check nothing. Each runs as a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from benchmarks.idle.processes import peak_mb

_ROWS = 200_000
_START = np.datetime64("2026-01-01T00:00:00")


def main() -> None:
    """Write the file, and have each program read it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--size", type=float, default=1000, help="MB of CSV")
    options.add_argument("--only", choices=PROGRAMS, help="measure one of them")
    options.add_argument("--child", nargs=2, metavar=("PROGRAM", "FILE"), help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.child:
        name, file = given.child
        print(json.dumps(_measured(name, Path(file))))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.csv"
        rows = write(file, round(given.size * 1e6))
        print(f"{rows} rows, 14 columns, {file.stat().st_size / 1e6:.0f} MB of CSV")
        print("| program | s | CPU s | MB/s | peak memory, MB | Parquet, MB |")
        print("| --- | --- | --- | --- | --- | --- |")
        for name in [given.only] if given.only else PROGRAMS:
            command = [sys.executable, "-m", "benchmarks.ingest", "--child", name, str(file)]
            told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found = json.loads(told)
            speed = file.stat().st_size / 1e6 / found["s"] if "s" in found else 0.0
            cells = (found.get("s", "not installed"), found.get("cpu_s", ""), f"{speed:.0f}")
            print(
                "|",
                name,
                *(f"| {cell}" for cell in (*cells, found.get("mb", ""), found.get("made", ""))),
                "|",
            )


def write(file: Path, size: int) -> int:
    """Write a CSV file of about so many bytes, of columns of every kind; return its rows."""
    random, rows = np.random.default_rng(7), 0
    with file.open("wb") as out:
        while out.tell() < size:
            table = _chunk(random, rows)
            with pacsv.CSVWriter(out, table.schema, write_options=_options(rows)) as writer:
                writer.write_table(table)
            rows += _ROWS
    return rows


def _options(rows: int) -> pacsv.WriteOptions:
    return pacsv.WriteOptions(include_header=not rows, quoting_style="none")


def _chunk(random: np.random.Generator, first: int) -> pa.Table:
    columns: dict[str, Any] = {"customer": first + np.arange(_ROWS)}
    columns |= {f"n{place}": random.normal(size=_ROWS).round(6) for place in range(6)}
    columns |= {f"i{place}": random.integers(0, 10_000, _ROWS) for place in range(2)}
    columns["country"] = np.array(["NL", "DE", "FR", "BE", "ES"])[random.integers(0, 5, _ROWS)]
    columns["plan"] = np.array([f"plan-{number}" for number in range(40)])[random.integers(0, 40, _ROWS)]
    columns["active"] = np.array(["true", "false"])[random.integers(0, 2, _ROWS)]
    columns["seen"] = (_START + random.integers(0, 20_000_000, _ROWS)).astype(str)
    columns["churned"] = random.integers(0, 2, _ROWS)
    return pa.table(columns)


def _measured(name: str, file: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        began = time.monotonic()
        try:
            made = PROGRAMS[name](file, Path(folder))
        except ImportError:
            return {}
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "s": round(time.monotonic() - began, 1),
            "cpu_s": round(used.ru_utime + used.ru_stime, 1),
            "mb": round(peak_mb()),
            "made": round(made.stat().st_size / 1e6),
        }


def _kascade(file: Path, folder: Path) -> Path:
    from functions.data_files.object_keys import Format
    from functions.data_files.spool import spool
    from functions.ingest_data.process_file import process_file
    from functions.ingest_data.settings import Settings
    from pipelines.spec import parse_spec

    limits = Settings("unused")
    spec = parse_spec(b"{target: churned, entity: customer, timestamp: seen}", model="m")
    with file.open("rb") as stream:
        spooled = spool(stream, folder, Format.CSV, limits, encoding=None, target=spec.target)
    done = process_file(
        spooled, spec, None, now=datetime.now(UTC), folder=folder, max_columns=limits.max_columns
    )
    if done.part is None:
        raise SystemExit(f"refused: {done.refusal}")
    return done.part.path


def _arrow(file: Path, folder: Path) -> Path:
    made = folder / "made.parquet"
    with pacsv.open_csv(file) as reader, pq.ParquetWriter(made, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
    return made


def _pandas(file: Path, folder: Path) -> Path:
    import pandas as pd

    made = folder / "made.parquet"
    pd.read_csv(file).to_parquet(made, compression="zstd")
    return made


def _duckdb(file: Path, folder: Path) -> Path:
    duckdb = import_module("duckdb")  # what a comparison needs, and nothing else
    made = folder / "made.parquet"
    duckdb.sql(f"COPY (FROM '{file}') TO '{made}' (COMPRESSION zstd)")
    return made


PROGRAMS: dict[str, Callable[[Path, Path], Path]] = {
    "ingest_data": _kascade,
    "Arrow, batch by batch": _arrow,
    "DuckDB": _duckdb,
    "pandas, whole": _pandas,
}

if __name__ == "__main__":
    main()
