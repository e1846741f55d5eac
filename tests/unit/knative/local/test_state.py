"""The state folder: what is private, and what becomes of a disk that refuses."""

from __future__ import annotations

import io
from pathlib import Path

from knative.local import log
from knative.local.processes.logs import rotate


def test_a_log_that_cannot_be_moved_aside_stays_and_a_warning_names_it(tmp_path: Path) -> None:
    stream = io.StringIO()
    log.configure(stream)
    path = tmp_path / "a.log"
    path.write_bytes(b"line\n" * 20)
    (tmp_path / "a.log.1").mkdir()
    rotate(path, max_bytes=50)
    assert path.read_bytes() == b"line\n" * 20
    assert "log not rotated" in stream.getvalue()
    assert str(path) in stream.getvalue()
