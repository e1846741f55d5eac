"""Files of labels at join_feedback: rows that wait, or a refusal."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq

from eventing.errors import Rejected
from eventing.store import MemoryStore
from functions.join_feedback.label_files import LabelFile, read_labels

_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
_TABLE = pa.table({"prediction_id": [_ID, None], "label": [1, 0], "time": [0, 1], "entity": ["a", "b"]})
_FILE = io.BytesIO()
pq.write_table(_TABLE, _FILE)
SEEDS = [
    f"csv\nprediction_id,label\n{_ID},1\n{_ID},yes\n,\n".encode(),
    b"csv\nlabel,entity,time\n1,7,2026-01-01T00:00:00Z\n0.5,8,1767225600.5\nno,9,\n",
    f'jsonl\n{{"prediction_id": "{_ID}", "label": true}}\n{{"label": 1e400, "entity": 1, "time": -1}}\n'.encode(),
    b"parquet\n" + _FILE.getvalue(),
    b"csv.gz\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
]
TOKENS = [
    b"jsonl\n",
    b"csv\n",
    b"parquet\n",
    b"prediction_id",
    b"label",
    b"entity",
    b"time",
    b"\\ud800",
    b"\0",
    b",",
    b"\n",
]


def run(data: bytes) -> None:
    """Read a file of the kind that the first line names; its rows can be kept as JSON and UTF-8."""
    kind, _, content = data.partition(b"\n")
    name = kind.decode("ascii", errors="replace")
    if name not in ("csv", "jsonl", "ndjson", "parquet", "csv.gz", "jsonl.gz"):
        return
    store = MemoryStore("feedback")
    file = LabelFile("churn", f"churn/f.{name}", "0")
    store.put(file.uri, content)
    try:
        rows = list(read_labels(store, file))
    except Rejected:
        return
    for row in rows:
        json.dumps({**row, "time": str(row["time"])}, allow_nan=False, ensure_ascii=False).encode()
