"""Logs of processes are rotated while their writers go on."""

from __future__ import annotations

from pathlib import Path

from knative.local.processes.logs import last_lines, rotate


def test_a_log_beyond_its_size_moves_aside_while_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("ab") as writer:
        writer.write(b"old line\n" * 10)
        writer.flush()
        rotate(path, max_bytes=50)
        writer.write(b"new line\n")
        writer.flush()
    assert path.read_bytes() == b"new line\n"
    assert (tmp_path / "a.log.1").read_bytes() == b"old line\n" * 10
    rotate(path, max_bytes=50)
    assert path.exists()
    assert last_lines(path) == "new line"
    assert last_lines(tmp_path / "none") == ""
