"""Excel workbooks: one sheet as a table, its values as Excel last computed them."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest

Examine = Callable[..., Any]

ROWS = [
    ("id", "amount", "when", "code", "ok", "y"),
    *((n, n * 1.5, datetime(2026, 1, n), f"00{n}", n % 2 == 0, n % 2) for n in range(1, 21)),
]


def workbook(*sheets: Sequence[Sequence[Any]], **named: Sequence[Sequence[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in {**{f"S{number}": rows for number, rows in enumerate(sheets)}, **named}.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def edited(raw: bytes, name: str, edit: Callable[[bytes], bytes]) -> bytes:
    """Change a member of a workbook."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as source, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as out:
        for member in source.namelist():
            content = source.read(member)
            out.writestr(member, edit(content) if member == name else content)
    return sink.getvalue()


@pytest.mark.case("F3", ".xlsx")
@pytest.mark.parametrize("name", ["a.xlsx", "a.xlsm", "a.xls", "a.csv", "a.zip"])
def test_a_workbook_is_read_by_its_content(examine_bytes: Examine, name: str) -> None:
    found = examine_bytes(workbook(ROWS), name=name)

    assert found.kinds == {
        "id": "integer",
        "amount": "number",
        "when": "datetime",
        "code": "category",
        "ok": "boolean",
        "y": "integer",
    }
    assert found.good[0]["when"].date() == date(2026, 1, 1)
    assert [row["code"] for row in found.good][:2] == ["001", "002"]
    assert [row["ok"] for row in found.good][:2] == [False, True]


@pytest.mark.case("F3", "Excel: numbers stored as text, dates with times, quotes and line ends")
def test_cells_mean_what_excel_shows(examine_bytes: Examine) -> None:
    rows = [
        ("n", "t", "w", "y"),
        ("12", 'a "b", c', datetime(2026, 1, 2, 10, 30, 15), 1),
        (13.0, "two\nlines", datetime(2026, 1, 3), 0),
        (1e15, "x;y", datetime(2026, 1, 4, 0, 0, 1), 1),
        ("14 ", None, None, 0),
    ]
    found = examine_bytes(workbook(rows), "{target: y, schema: {t: category}}", name="a.xlsx")

    assert [row["n"] for row in found.good] == [12, 13, 10**15, 14]
    assert [row["t"] for row in found.good] == ['a "b", c', "two\nlines", "x;y", None]
    assert [row["w"] and row["w"].isoformat()[:19] for row in found.good] == [
        "2026-01-02T10:30:15",
        "2026-01-03T00:00:00",
        "2026-01-04T00:00:01",
        None,
    ]


@pytest.mark.case("F3", "Excel: empty leading rows, a title, a merged header")
def test_lines_above_the_header_are_passed_over_and_row_numbers_are_excels(examine_bytes: Examine) -> None:
    rows = [
        (),
        ("Report of January",),
        (),
        ("who", None, "what"),
        ROWS[0],
        *ROWS[1:],
        ("x", 1, None, 1, True, 1),
    ]
    found = examine_bytes(workbook(rows), "{target: y, schema: {id: int}}", name="a.xlsx")

    assert found.part.rows == 20
    assert found.bad == [(26, "id", "x", "not a whole number")]
    assert (None, 2, "lines above the header are passed over") in found.warnings


@pytest.mark.case("F3", "Excel: several sheets")
def test_the_only_sheet_with_the_target_is_read_and_said(examine_bytes: Examine) -> None:
    notes = [("read me",), ("made in January",)]
    found = examine_bytes(workbook(Notes=notes, Data=ROWS, Empty=[]), name="a.xlsx")

    assert found.part.rows == 20
    sheets = (None, 1, "the sheet 'Data' is read, since it has the column y; not: Notes")
    assert sheets in found.warnings


@pytest.mark.case("F3", "Excel: several sheets that could be meant")
def test_sheets_that_could_both_be_meant_are_refused_with_the_fix(examine_bytes: Examine) -> None:
    for sheets in ({"Jan": ROWS, "Feb": ROWS}, {"a": [("x",), (1,)], "b": [("z",), (2,)]}):
        refusal = examine_bytes(workbook(**sheets), name="a.xlsx").refusal
        assert refusal.reason == "several sheets could be the table"
        assert refusal.problems[0].fix == "keep one sheet, or drop each as a file of its own"


def test_hidden_sheets_are_no_tables(examine_bytes: Examine) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook(Old=ROWS, New=ROWS[:11])))
    book["Old"].sheet_state = "hidden"
    sink = io.BytesIO()
    book.save(sink)

    assert examine_bytes(sink.getvalue(), name="a.xlsx").part.rows == 10


@pytest.mark.case("F3", "Excel: formulas")
def test_formulas_are_read_as_excel_saved_them(examine_bytes: Examine) -> None:
    raw = edited(
        workbook([("a", "y"), ("=1+1", 0), ("=2+2", 1), (7, 1)]),
        "xl/worksheets/sheet1.xml",
        lambda sheet: re.sub(rb"(<f>1\+1</f>)<v\s*/?>(</v>)?", rb"\1<v>2</v>", sheet),
    )
    found = examine_bytes(raw, name="a.xlsx")

    assert [row["a"] for row in found.good] == [2, None, 7]
    assert found.warnings == [
        (None, 1, "formulas without a computed value are read as missing, in all sheets together")
    ]


def test_errors_of_excel_are_missing_with_a_count(examine_bytes: Examine) -> None:
    found = examine_bytes(workbook([("a", "y"), ("#DIV/0!", 0), (2, 1), ("#N/A", 1)]), name="a.xlsx")

    assert [row["a"] for row in found.good] == [None, 2, None]
    assert [count for _, count, _ in found.warnings] == [2]


def test_a_wrong_size_in_the_sheet_hides_no_columns(examine_bytes: Examine) -> None:
    raw = edited(
        workbook(ROWS),
        "xl/worksheets/sheet1.xml",
        lambda sheet: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1"', sheet),
    )

    assert len(examine_bytes(raw, name="a.xlsx").kinds) == 6


SHARED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
STRINGS = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%s</sst>'


def with_shared_strings(cells: bytes, strings: bytes) -> bytes:
    """Make a workbook as Excel writes it, its texts in a list of their own."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(ROWS))) as source, zipfile.ZipFile(sink, "w") as out:
        for member in source.namelist():
            content = source.read(member)
            if member.endswith("workbook.xml.rels"):
                link = (
                    f'<Relationship Id="rId99" Type="{SHARED}" Target="sharedStrings.xml"/></Relationships>'
                )
                content = content.replace(b"</Relationships>", link.encode())
            if member == "[Content_Types].xml":
                kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
                part = b'<Override PartName="/xl/sharedStrings.xml" ContentType="%s"/></Types>' % kind
                content = content.replace(b"</Types>", part)
            out.writestr(member, CELLS % cells if member.endswith("sheet1.xml") else content)
        out.writestr("xl/sharedStrings.xml", strings)
    return sink.getvalue()


def test_texts_in_a_list_of_their_own_are_read(examine_bytes: Examine) -> None:
    cells = (
        b'<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
        b'<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2"><v>1</v></c></row>'
    )
    texts = [b"<si><t>a</t></si>", b"<si><t>y</t></si>", b"<si><r><t>Den </t></r><r><t>Haag</t></r></si>"]
    found = examine_bytes(with_shared_strings(cells, STRINGS % b"".join(texts)), name="a.xlsx")

    assert found.good == [{"a": "Den Haag", "y": 1}]


CELLS = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    b"<sheetData>%s</sheetData></worksheet>"
)


@pytest.mark.case("F3", "Excel: bombs")
@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (
            b'<row r="1"><c r="A1"><v>1</v></c></row><row r="4000000000"><c><v>2</v></c></row>',
            None,
        ),
        (b'<row r="1"><c r="A1"><v>1</v></c><c r="XFD1048576"><v>1</v></c></row>', None),
        (b'<row r="1"><c r="ZZZZZZ1"><v>1</v></c></row>', "broken Excel workbook"),
        (b'<row r="1"><c r="ZZZ1"><v>1</v></c></row>', "broken Excel workbook"),
        (b"<row><c><v>1</v></c>" + b" " * (17 << 20) + b"</row>", "the workbook is too large"),
        (b"<row><c><v>", "broken Excel workbook"),
    ],
)
def test_a_sheet_that_claims_to_be_huge_is_read_in_little_memory_or_refused(
    examine_bytes: Examine, cells: bytes, reason: str | None
) -> None:
    raw = edited(workbook(ROWS), "xl/worksheets/sheet1.xml", lambda _: CELLS % cells)
    refusal = examine_bytes(raw, name="a.xlsx").refusal

    assert refusal.reason == reason or (reason is None and refusal.problems)


def test_damaged_and_empty_workbooks_are_refused(examine_bytes: Examine) -> None:
    raw = workbook(ROWS)
    entities = b'<!DOCTYPE sst [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
    )
    text = entities + b"]>" + STRINGS % b"<si><t>&j;</t></si>"
    bomb = with_shared_strings(b'<row><c t="s"><v>0</v></c></row>', text)
    huge = with_shared_strings(b"<row></row>", STRINGS % (b" " * (129 << 20)))

    assert examine_bytes(raw[:-40], name="a.xlsx").refusal.reason == "broken ZIP archive"
    assert examine_bytes(workbook([]), name="a.xlsx").refusal.reason == "the file is empty"
    assert (
        examine_bytes(workbook([ROWS[0]]), name="a.xlsx").refusal.reason
        == "the file has a header but no rows"
    )
    assert examine_bytes(bomb, name="a.xlsx").refusal.reason == "broken Excel workbook"
    assert examine_bytes(huge, name="a.xlsx").refusal.reason == "the workbook is too large"
    assert (
        examine_bytes(b"\xd0\xcf\x11\xe0\0", name="a.xls").refusal.reason
        == "the file is an old Excel workbook"
    )
    assert examine_bytes(b"a,y\n1,0\n", name="a.xls").part.rows == 1
