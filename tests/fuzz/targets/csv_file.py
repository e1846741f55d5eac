"""CSV files at ingest_data."""

from __future__ import annotations

import gzip

from fuzz.targets._ingest import read

SEEDS = [
    b"a,b,t,y\n" + b"1,x,2026-01-01,0\n2,z,2026-01-02T10:00:00Z,1\n3,x,,0\n" * 4,
    'a;b;y\n1.250;"x\ny";1,5\n11;"é ""q""";2,5\n'.encode(),
    b"\xff\xfe" + "a\tb\ty\n1\t2\t3\n".encode("utf-16-le"),
    gzip.compress(b"a,y\n1,2\n3,4\n", mtime=0),
    b'"1,096",$137.50,0.5%,y\r\n\\N,#N/A,NaT,1\r\n-,none,.,0\r\n',
]
TOKENS = [
    b",",
    b";",
    b"\t",
    b"|",
    b'"',
    b'""',
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b"1925036343869802844",
    b"1.234,56",
    b"1e400",
]
TOKENS += [
    b"\xef\xbb\xbf",
    b"\x1f\x8b\x08",
    b"PK\x03\x04",
    b"PAR1",
    b"31/01/2026",
    b"0001-01-01",
    b"inf",
    b"y",
    b"a,a",
]


def run(data: bytes) -> None:
    """Read the file."""
    read(data, "data.csv")
