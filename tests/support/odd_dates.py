"""Dates and times that are written oddly, in each kind of file."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import openpyxl
import pyarrow as pa
from support.odd_value_files import OddValues, csv, excel, parquet

JAN, MAR = datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC)
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
DATES: tuple[OddValues, ...] = (
    OddValues(
        "the day first",
        "a.csv",
        csv("31/01/2026", "05/03/2026"),
        "datetime",
        (JAN, MAR),
        "≠≠=",
        "as one of the days shows",
    ),
    OddValues(
        "the day first, with dashes",
        "a.csv",
        csv("31-01-2026", "05-03-2026"),
        "datetime",
        (JAN, MAR),
        "≠≠=",
        "the same",
    ),
    OddValues(
        "the month in words",
        "a.csv",
        csv("31-JAN-2026", "05-Mar-2026"),
        "datetime",
        (JAN, MAR),
        "≠≠≠",
        "moments, also in capitals",
    ),
    OddValues(
        "American times",
        "a.csv",
        csv("1/31/2026 12:00 PM", "1/31/2026 12:00 PM"),
        "datetime",
        (NOON, NOON),
        "≠≠≠",
        "moments",
    ),
    OddValues(
        "day or month first",
        "a.csv",
        csv("05/03/2026", "06/03/2026"),
        "category",
        ("05/03/2026", "06/03/2026"),
        "==≠",
        "a warning names the two ways; DuckDB takes the day",
        "fit %d/%m/%Y and %m/%d/%Y",
    ),
    OddValues(
        "years of two digits",
        "a.csv",
        csv("31/01/26", "05/03/26"),
        "category",
        ("31/01/26", "05/03/26"),
        "==≠",
        "DuckDB takes the day for the year; a warning says so",
        "have years of two digits",
    ),
    OddValues(
        "years of two digits, with points",
        "a.csv",
        csv("31.01.26", "05.03.26"),
        "category",
        ("31.01.26", "05.03.26"),
        "==≠",
        "the same",
        "have years of two digits",
    ),
    OddValues(
        "times of day",
        "a.csv",
        csv("12:30", "01:15"),
        "category",
        ("12:30", "01:15"),
        "=≠≠",
        "no moments; a warning says so",
        "times of day",
    ),
    OddValues(
        "two zones",
        "a.csv",
        csv("2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00Z"),
        "datetime",
        (NOON, NOON),
        "≠==",
        "one moment; pandas keeps texts",
    ),
    OddValues(
        "nanoseconds",
        "a.csv",
        csv("2026-01-31T12:00:00.000000789Z"),
        "datetime",
        (NOON,),
        "≠≠=",
        "kept to the microsecond",
    ),
    OddValues(
        "a timestamp with a zone",
        "a.parquet",
        parquet(pa.array([NOON] * 4, pa.timestamp("us", "Europe/Amsterdam"))),
        "datetime",
        (NOON,),
        "===",
    ),
    OddValues(
        "a timestamp of Spark (INT96)",
        "a.parquet",
        parquet(
            pa.array([NOON.replace(tzinfo=None)] * 4, pa.timestamp("ns")),
            use_deprecated_int96_timestamps=True,
        ),
        "datetime",
        (NOON,),
        "===",
    ),
    OddValues("a date", "a.parquet", parquet(pa.array([date(2026, 1, 31)] * 4)), "datetime", (JAN,), "==="),
    OddValues("a date of Excel", "a.xlsx", excel(datetime(2026, 1, 31)), "datetime", (JAN,), "=––"),
    OddValues(
        "a date counted from 1904",
        "a.xlsx",
        excel(datetime(2026, 1, 31), epoch=openpyxl.utils.datetime.CALENDAR_MAC_1904),
        "datetime",
        (JAN,),
        "=––",
    ),
    OddValues(
        "a time of day of Excel",
        "a.xlsx",
        excel(time(12, 30)),
        "category",
        ("12:30:00",),
        "=––",
        "",
        "times of day",
    ),
)
