"""Bringing a file to the scratch disk: unpacked, as UTF-8, and bounded in every direction."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.data_files.object_keys import Format
from functions.data_files.refusal import FileRefused
from functions.data_files.spool import spool
from functions.data_files.spooled import Spooled
from functions.data_files.unpack import CHUNK


@dataclass(frozen=True)
class Limits:
    max_file_bytes: int = 1 << 30
    max_line_bytes: int = 1 << 20


class Endless(io.RawIOBase):
    """A stream that gives bytes for as long as someone reads, and counts them."""

    def __init__(self, unit: bytes) -> None:
        super().__init__()
        self.unit = unit
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        self.given += size
        return (self.unit * (size // len(self.unit) + 1))[:size]


def spooled(
    raw: bytes | io.RawIOBase,
    folder: Path,
    format_: Format = Format.CSV,
    limits: Limits = Limits(),
    encoding: str | None = None,
) -> Spooled:
    source = io.BytesIO(raw) if isinstance(raw, bytes) else raw
    return spool(source, folder, format_, limits, encoding=encoding)  # type: ignore[arg-type]


def refused(*args: object, **kwargs: object) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        spooled(*args, **kwargs)  # type: ignore[arg-type]
    assert caught.value.problems[0].fix
    return caught.value


TEXT = "name,city\nRenée,Besançon\nZoë,Köln\n"


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8"),
        (TEXT.encode("utf-16"), "utf-16-le"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-32"), "utf-32-le"),
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.encode("latin-1"), "cp1252"),
        (gzip.compress(TEXT.encode("utf-16"), mtime=0), "utf-16-le"),
    ],
)
def test_text_arrives_as_utf_8_whatever_it_was(tmp_path: Path, raw: bytes, encoding: str) -> None:
    found = spooled(raw, tmp_path)

    assert found.path.read_text(encoding="utf-8") == TEXT
    assert found.encoding == encoding
    assert found.size == len(TEXT.encode())


def test_the_spec_can_name_the_encoding(tmp_path: Path) -> None:
    text = "имя,город\nИван,Москва\n"

    assert spooled(text.encode("cp1251"), tmp_path, encoding="cp1251").path.read_text() == text


@pytest.mark.parametrize("encoding", ["cp1251", "cp1250", "cp1253", "shift_jis", "gb18030"])
def test_what_is_not_western_is_not_guessed(tmp_path: Path, encoding: str) -> None:
    texts = {
        "cp1251": "имя,город\nИван,Москва\nОльга,Тверь\n",
        "cp1250": "imię,miasto\nŁukasz,Łódź\nZażółć,jaźń\n",
        "cp1253": "όνομα,πόλη\nΓιώργος,Αθήνα\n",
        "shift_jis": "名前,都市\n太郎,東京\n",
        "gb18030": "名字,城市\n小明,北京\n",
    }
    error = refused((texts[encoding] * 20).encode(encoding), tmp_path)

    assert error.reason == "unknown encoding"
    assert "ingest.encoding" in error.problems[0].fix


def test_bytes_that_break_the_named_encoding_are_refused_with_a_place(tmp_path: Path) -> None:
    error = refused(b"a,b\n\xff\xfe\x81\n", tmp_path, encoding="shift_jis")

    assert error.reason == "wrong encoding"
    assert "shift_jis" in error.problems[0].problem


def test_utf_8_that_breaks_far_into_the_file_is_found_and_read_as_western(tmp_path: Path) -> None:
    text = "name\n" + "plain\n" * 200_000 + "Besançon\n" * 3
    found = spooled(text.encode("cp1252"), tmp_path)

    assert found.encoding == "cp1252"
    assert found.path.read_text().endswith("plain\nBesançon\nBesançon\nBesançon\n")


@pytest.mark.case("C", "a guess of the encoding is said")
def test_an_encoding_that_is_a_guess_is_warned_of_and_so_are_two_in_one_file(tmp_path: Path) -> None:
    def said(raw: bytes, encoding: str | None = None) -> list[str]:
        return [f"{each.message}; {each.fix}" for each in spooled(raw, tmp_path, encoding=encoding).warnings]

    (guess,) = said(TEXT.encode("cp1252"))
    rows = "".join(f"{n},w{n % 3},{n % 2}\n" for n in range(12)).encode()
    (both,) = said(b"a,c,y\n1,caf\xe9,0\n" + "2,Zoë,1\n".encode() + rows)

    assert "no UTF-8 (byte 13) and is read as cp1252, which is a guess; `ingest: {encoding: cp1252}`" in guess
    assert "looks like UTF-8, which that makes 'Ã«' of; save the file in one encoding" in both
    assert said(TEXT.encode("cp1252"), "cp1252") == said(TEXT.encode()) == said(TEXT.encode("utf-16")) == []


def test_a_character_that_straddles_two_chunks_is_whole(tmp_path: Path) -> None:
    text = "a" * (CHUNK - 1) + "é\n"

    assert spooled(text.encode(), tmp_path).path.read_text() == text


def test_a_line_without_end_is_refused_before_it_is_read(tmp_path: Path) -> None:
    source = Endless(b"x")
    error = refused(source, tmp_path)

    assert error.reason == "a line is too long"
    assert "more than 1048576 bytes" in error.problems[0].problem
    assert source.given < 4 << 20


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_long_files_with_any_line_ending_pass(tmp_path: Path, ending: bytes) -> None:
    found = spooled((b"a,b" + ending) * 600_000, tmp_path)

    assert found.longest_line <= CHUNK


def test_a_long_line_within_bounds_is_measured(tmp_path: Path) -> None:
    found = spooled(b"a\n" + b"x" * 900_000 + b"\nb\n", tmp_path)

    assert 900_000 <= found.longest_line <= 900_000 + 2 * CHUNK


def test_a_gzip_bomb_stops_at_the_limit(tmp_path: Path) -> None:
    bomb = gzip.compress(b"a,b\n" * (16 << 20), mtime=0)
    assert len(bomb) < 200_000
    error = refused(bomb, tmp_path, limits=Limits(max_file_bytes=8 << 20))

    assert error.reason == "the file is too large"
    assert (tmp_path / "content").stat().st_size <= 9 << 20


def test_a_gzip_bomb_of_one_line_stops_at_the_line_limit(tmp_path: Path) -> None:
    assert (
        refused(gzip.compress(bytes(64 << 20).replace(b"\0", b"x")), tmp_path).reason == "a line is too long"
    )


def test_gzip_members_and_padding_are_read_to_the_end(tmp_path: Path) -> None:
    raw = gzip.compress(b"a\n1\n", mtime=0) + gzip.compress(b"2\n", mtime=0) + bytes(10)

    assert spooled(raw, tmp_path).path.read_bytes() == b"a\n1\n2\n"


def test_broken_and_cut_off_gzip_say_so(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)

    assert refused(whole[:-20], tmp_path).reason == "the gzip file ends too early"
    assert refused(whole[:12] + b"\xff\xff\xff" + whole[15:], tmp_path).reason == "broken gzip"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "the file is empty"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"PK\x03\x04xx", "broken ZIP archive"),
        (b"ARROW1\0\0", "the file is an Arrow (Feather) file"),
        (b"\x80\x04\x95\0", "the file is a Python pickle"),
        (b"%PDF-1.7", "the file is a PDF"),
        (b"<!DOCTYPE html><html>", "the file is a web page or XML"),
        (b"  <?xml version='1.0'?>", "the file is a web page or XML"),
        (b"a,b\n1,\x00\n", "not a text file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not a text file"),
        ("a,b\n".encode("utf-16-le"), "not a text file"),
    ],
)
def test_what_is_no_table_is_refused_with_what_it_is(tmp_path: Path, raw: bytes, reason: str) -> None:
    assert refused(raw, tmp_path).reason == reason


def test_content_counts_for_more_than_the_name(tmp_path: Path) -> None:
    assert spooled(b"PAR1...", tmp_path, Format.CSV).format is Format.PARQUET
    assert refused(b"a,b\n", tmp_path, Format.PARQUET).reason == "not a Parquet file"


@settings(deadline=None, max_examples=150)
@given(
    st.binary(max_size=300),
    st.sampled_from(Format),
    st.sampled_from([None, "utf-8", "cp1252", "utf-16", "shift_jis"]),
)
def test_any_bytes_are_text_or_refused(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, format_: Format, encoding: str | None
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    try:
        found = spooled(raw, folder, format_, encoding=encoding)
    except FileRefused:
        return
    if found.format is not Format.PARQUET:
        found.path.read_text(encoding="utf-8")
