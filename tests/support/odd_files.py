"""A corpus of odd files; `python tests/support/odd_files.py` prints the table of docs/data.md."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sys
import zipfile
from dataclasses import dataclass
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa

Rows = list[dict[str, Any]]
SAME, OTHER, REFUSED = "=", "≠", "–"


@dataclass(frozen=True)
class OddFile:
    """A file by name, what it is, how Kascade and each reader take it, and why they differ.

    `taken` is a number of rows, or the reason of the refusal. `others` has a sign for each of pandas, Arrow
    and DuckDB: = the same rows, ≠ others, – refused.
    """

    what: str
    name: str
    raw: bytes
    taken: int | str
    others: str
    why: str = ""


CSV = b"a,c,y\n" + b"".join(b"%d,w%d,%d\n" % (n, n % 3, n % 2) for n in range(60))
FRAME = pd.read_csv(io.BytesIO(CSV))
RECORDS = FRAME.to_dict("records")
LINES = "\n".join(map(json.dumps, RECORDS)).encode()
CITIES = "a,c,y\n1,Zoë,0\n2,Besançon,1\n"


def _zip(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, raw in members.items():
            packed.writestr(f"{name}.csv", raw)
    return sink.getvalue()


def _zstd(raw: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(raw)
    return bytes(sink.getvalue())


def _parquet(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.to_parquet(sink)
    return sink.getvalue()


def _excel(*sheets: list[tuple[Any, ...]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"S{number}")
        for row in rows:
            sheet.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


TABLE: list[tuple[Any, ...]] = [("a", "c", "y"), *((row["a"], row["c"], row["y"]) for row in RECORDS)]
SHUFFLED = FRAME.sample(frac=1, random_state=0)
NESTED = FRAME.assign(n=[[1, 2]] * 60)
DEEP = LINES + b'\n{"a": ' + b"[" * 300 + b"]" * 300 + b', "c": "x", "y": 1}\n'

ODD_FILES = (
    OddFile("UTF-8 with a byte order mark", "a.csv", CITIES.encode("utf-8-sig"), 2, "==="),
    OddFile(
        "UTF-16 with a byte order mark",
        "a.csv",
        CITIES.encode("utf-16"),
        2,
        "–––",
        "the mark says what it is",
    ),
    OddFile(
        "UTF-16 without one",
        "a.csv",
        CITIES.encode("utf-16-le"),
        "not a text file",
        "–––",
        "a guess may be wrong; `ingest.encoding` says it",
    ),
    OddFile(
        "Windows-1252",
        "a.csv",
        CITIES.encode("cp1252"),
        2,
        "–≠–",
        "Western text is recognised; others need `ingest.encoding`",
    ),
    OddFile("lines that end with CR", "a.csv", CSV.replace(b"\n", b"\r"), 60, "==="),
    OddFile(
        "a line end within quotes",
        "a.csv",
        CSV + b'7,"two\nlines",1\n',
        61,
        "===",
        "Arrow must be told that values may hold line ends",
    ),
    OddFile(
        "a quote that is never closed",
        "a.csv",
        CSV + b'7,"open,1\n8,x,0\n',
        "a quote is never closed",
        "––≠",
        "what follows would be one value",
    ),
    OddFile(
        "a row with a field too many",
        "a.csv",
        CSV + b"7,x,1,9\n",
        60,
        "––≠",
        "the row goes into quarantine, the others stay",
    ),
    OddFile(
        "a row with a field too few",
        "a.csv",
        CSV + b"7,x\n",
        60,
        "≠–≠",
        "a field may have been lost anywhere in it: quarantine",
    ),
    OddFile("blank lines", "a.csv", CSV.replace(b"\n5,", b"\n\n\n5,"), 60, "==="),
    OddFile(
        "a NUL byte",
        "a.csv",
        CSV + b"7,x\0,1\n",
        "not a text file",
        "≠≠≠",
        "no text holds it; most often it is UTF-16 or a binary file",
    ),
    OddFile(
        "a name twice in the header",
        "a.csv",
        CSV.replace(b"a,c,y", b"a,a,y"),
        "a column stands twice in the header",
        "≠–≠",
        "which one a model learns from must be said",
    ),
    OddFile(
        "a header and no rows",
        "a.csv",
        b"a,c,y\n",
        "the file has a header but no rows",
        "≠≠≠",
        "an empty part says nothing",
    ),
    OddFile(
        "no bytes", "a.csv", b"", "the file is empty", "––≠", "an empty upload is a mistake to be told of"
    ),
    OddFile(
        "title lines above the header",
        "a.csv",
        b"Report\n\n" + CSV,
        60,
        "≠–=",
        "the header is the line with the target; a warning says so",
    ),
    OddFile(
        "semicolons and decimal commas",
        "a.csv",
        b"a;y\n1,5;0\n2,25;1\n",
        2,
        "≠–≠",
        "the delimiter is detected, and with it the decimal mark",
    ),
    OddFile(
        "row numbers of `df.to_csv()`",
        "a.csv",
        SHUFFLED.to_csv().encode(),
        60,
        "≠≠≠",
        "a column without a name is no feature",
    ),
    OddFile(
        "labels missing",
        "a.csv",
        CSV + b"7,x,\n8,z,\n",
        62,
        "===",
        "kept for drift detection, counted, left out of training",
    ),
    OddFile("gzip", "a.csv.gz", gzip.compress(CSV, mtime=0), 60, "==="),
    OddFile("bzip2", "a.csv.bz2", bz2.compress(CSV), 60, "==–", "by content, not by name"),
    OddFile("xz", "a.csv.xz", lzma.compress(CSV), 60, "=––", "the same"),
    OddFile("Zstandard", "a.csv.zst", _zstd(CSV), 60, "–==", "pandas needs another package"),
    OddFile(
        "gzip that was cut off",
        "a.csv.gz",
        gzip.compress(CSV, mtime=0)[:-12],
        "the gzip file ends too early",
        "––≠",
        "half a file is no file; DuckDB reads the rows before the cut",
    ),
    OddFile("ZIP of one table", "a.zip", _zip(a=CSV), 60, "=––"),
    OddFile(
        "ZIP of two tables",
        "a.zip",
        _zip(train=CSV, test=CSV),
        "the ZIP archive does not hold exactly one table",
        "–––",
    ),
    OddFile("Excel", "a.xlsx", _excel(TABLE), 60, "=––"),
    OddFile(
        "Excel with a title and blank rows",
        "a.xlsx",
        _excel([(), ("Report",), (), *TABLE]),
        60,
        "≠––",
        "the header is the row with the target",
    ),
    OddFile(
        "Excel whose second sheet has the table",
        "a.xlsx",
        _excel([("read me",)], TABLE),
        60,
        "≠––",
        "the only sheet with the target is read",
    ),
    OddFile(
        "Excel with two tables",
        "a.xlsx",
        _excel(TABLE, TABLE),
        "several sheets could be the table",
        "≠––",
        "pandas takes the first",
    ),
    OddFile("JSON Lines", "a.jsonl", LINES, 60, "==="),
    OddFile("a JSON array of records", "a.json", json.dumps(RECORDS).encode(), 60, "=–="),
    OddFile(
        "JSON of columns, `df.to_json()`",
        "a.json",
        FRAME.to_json().encode(),
        60,
        "=≠≠",
        "Arrow and DuckDB see one row of objects",
    ),
    OddFile(
        "a row nested 300 deep", "a.jsonl", DEEP, 60, "≠–≠", "the row goes into quarantine, the others stay"
    ),
    OddFile("a key that one row lacks", "a.jsonl", LINES + b'\n{"a": 7, "y": 1}', 61, "==="),
    OddFile("Parquet", "a.parquet", _parquet(FRAME), 60, "==="),
    OddFile(
        "the index of a shuffled frame",
        "a.parquet",
        _parquet(SHUFFLED),
        60,
        "=≠≠",
        "an index is no feature; pandas keeps it beside the columns",
    ),
    OddFile("a column of lists", "a.parquet", _parquet(NESTED), 60, "≠≠≠", "passed over with a warning"),
    OddFile("Parquet that was cut off", "a.parquet", _parquet(FRAME)[:-20], "not a Parquet file", "–––"),
    OddFile(
        "Parquet named .csv", "a.csv", _parquet(FRAME), 60, "–––", "content counts for more than the name"
    ),
    OddFile("CSV named .parquet", "a.parquet", CSV, "not a Parquet file", "–––"),
    OddFile("JSON Lines named .csv", "a.csv", LINES, 60, "≠≠≠", "content counts for more than the name"),
    OddFile(
        "a folder `c=NL`",
        "c=NL/a.csv",
        b"a,y\n1,0\n2,1\n",
        2,
        "≠==",
        "a warning says so; `ingest.folder_columns: false` leaves it out",
    ),
)


def table() -> str:
    """Write the corpus as the table of docs/data.md."""
    lines = ["| file | Kascade | pandas | Arrow | DuckDB | why |", "| --- | --- | --- | --- | --- | --- |"]
    for odd in ODD_FILES:
        taken = f"{odd.taken} rows" if isinstance(odd.taken, int) else "refused"
        lines.append(f"| {odd.what} | {taken} | {' | '.join(odd.others)} | {odd.why} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
