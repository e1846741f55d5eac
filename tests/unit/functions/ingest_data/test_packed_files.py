"""Packed files: gzip, bzip2, xz, Zstandard and ZIP; their damage, and what inflates without end."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Examine = Callable[..., Any]

CSV = b"a,y\n" + b"".join(b"%d,%d\n" % (number, number % 2) for number in range(40_000))


def zstd(raw: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(raw)
    return bytes(sink.getvalue())


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda raw: gzip.compress(raw, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd,
}


def archive(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, raw in members.items():
            packed.writestr(name.replace("__dot__", ".").replace("__in__", "/"), raw)
    return sink.getvalue()


@pytest.mark.case("F3", ".zst and .bz2")
@pytest.mark.parametrize("ending", PACK)
def test_a_packed_file_is_read_by_its_content(examine_bytes: Examine, ending: str) -> None:
    packed = PACK[ending](CSV)

    for name in (f"a.csv.{ending}", "a.csv"):
        assert examine_bytes(packed, name=name).part.rows == 40_000


@pytest.mark.parametrize("ending", PACK)
def test_several_streams_side_by_side_are_one_file(examine_bytes: Examine, ending: str) -> None:
    half = CSV.index(b"\n", len(CSV) // 2) + 1
    packed = PACK[ending](CSV[:half]) + PACK[ending](CSV[half:])

    assert examine_bytes(packed, name=f"a.csv.{ending}").part.rows == 40_000


@pytest.mark.case("F3", "cut off while packed")
@pytest.mark.parametrize(
    ("ending", "what"), [("gz", "gzip"), ("bz2", "bzip2"), ("xz", "xz"), ("zst", "Zstandard")]
)
def test_a_file_that_was_cut_off_is_refused_whole(examine_bytes: Examine, ending: str, what: str) -> None:
    packed = PACK[ending](CSV)
    damaged = bytearray(packed)
    damaged[12:28] = b"\xff" * 16  # in the first block: later damage shows by a checksum, if there is one

    assert examine_bytes(packed[:-9]).refusal.reason == f"the {what} file ends too early"
    assert examine_bytes(bytes(damaged)).refusal.reason == f"broken {what}"


@pytest.mark.case("F3", "what inflates beyond the limit")
@pytest.mark.parametrize("ending", [*PACK, "zip"])
def test_what_inflates_beyond_the_limit_is_refused(examine_bytes: Examine, ending: str) -> None:
    raw = b"a,y\n" + b"1,0\n" * (4 << 20)
    packed = archive(a__dot__csv=raw) if ending == "zip" else PACK[ending](raw)
    refusal = examine_bytes(packed, name="a.csv", max_file_bytes=1 << 20).refusal

    assert len(packed) < 100_000
    assert refusal.reason == "the file is too large"
    assert "MAX_FILE_BYTES" in refusal.problems[0].problem


def test_a_file_packed_again_and_again_is_refused(examine_bytes: Examine) -> None:
    packed = CSV
    for _ in range(5):
        packed = gzip.compress(packed, mtime=0)

    assert examine_bytes(packed).refusal.reason == "the file is packed too often"


@pytest.mark.case("F3", "zip of one table")
@pytest.mark.parametrize("name", ["a.zip", "a.csv"])
def test_a_zip_of_one_table_is_read(examine_bytes: Examine, name: str) -> None:
    hidden = archive(__MACOSX__in__a__dot__csv=b"x", dir__in__a__dot__csv=CSV)
    parquet = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2], "y": [0, 1]}), parquet)

    assert examine_bytes(archive(a__dot__csv=CSV), name=name).part.rows == 40_000
    assert examine_bytes(hidden, name=name).part.rows == 40_000
    assert examine_bytes(archive(a__dot__parquet=parquet.getvalue()), name=name).part.rows == 2
    assert examine_bytes(archive(a__dot__jsonl=b'{"a": 1, "y": 0}\n'), name=name).part.rows == 1
    assert examine_bytes(archive(a__dot__csv__dot__gz=gzip.compress(CSV)), name=name).part.rows == 40_000


@pytest.mark.case("F3", "several tables in a zip")
@pytest.mark.parametrize(
    ("raw", "reason", "fix"),
    [
        (
            archive(train__dot__csv=CSV, test__dot__csv=CSV),
            "the ZIP archive does not hold exactly one table",
            "drop each file by itself",
        ),
        (archive(), "the ZIP archive does not hold exactly one table", "pack only one"),
        (archive(dir__in__=b""), "the ZIP archive does not hold exactly one table", "pack only one"),
        (archive(a__dot__pdf=b"x"), "what the ZIP archive holds is no kind of file that is read", ".csv"),
        (archive(mimetype=b"x", content__dot__xml=b"x"), "the file is an OpenDocument file", ".xlsx"),
        (
            archive(word__in__document__dot__xml=b"x"),
            "the file is a Word document",
            "drop CSV, Parquet or JSON Lines",
        ),
        (archive(a__dot__csv=CSV)[:-30], "broken ZIP archive", "pack it again"),
        (archive(a__dot__csv=CSV)[:2000], "broken ZIP archive", "pack it again"),
    ],
)
def test_another_zip_is_refused_with_the_fix(
    examine_bytes: Examine, raw: bytes, reason: str, fix: str
) -> None:
    refusal = examine_bytes(raw, name="a.zip").refusal

    assert refusal.reason == reason
    assert fix in refusal.problems[0].fix


def test_an_encrypted_zip_is_refused(examine_bytes: Examine) -> None:
    raw = bytearray(archive(a__dot__csv=b"a,y\n1,0\n"))
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1

    assert examine_bytes(bytes(raw), name="a.zip").refusal.reason == "the ZIP archive is encrypted"


@pytest.mark.case("F3", "a zip bomb in the directory")
def test_a_zip_whose_directory_would_fill_memory_is_refused(examine_bytes: Examine) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as packed:
        for number in range(40_000):
            packed.writestr(f"{number:050}", b"")
    refusal = examine_bytes(sink.getvalue(), name="a.zip").refusal

    assert refusal.reason == "broken ZIP archive"
    assert "its directory is too large" in refusal.problems[0].problem


def test_a_zip_that_lies_about_a_size_is_refused(examine_bytes: Examine) -> None:
    raw = bytearray(archive(a__dot__csv=CSV))
    place = raw.index(b"PK\x01\x02") + 24
    raw[place : place + 4] = (100).to_bytes(4, "little")

    assert examine_bytes(bytes(raw), name="a.zip").refusal.reason == "broken ZIP archive"
