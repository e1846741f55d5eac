"""The desk with a cluster before it: a kubectl that a test plays, and an API server behind its socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.api_server import ApiServer
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from conftest import Desk

KUBECTL = """#!/bin/sh
echo "$$ $*" >> {log}
for word in "$@"; do
  case $word in
    --unix-socket=*) socket=${{word#--unix-socket=}} ;;
    --context=nope) echo 'error: context "nope" does not exist' >&2; exit 1 ;;
  esac
done
ln -s {server} "$socket"
exec sleep 600
"""


class Kubectl:
    """A kubectl on the PATH; `folder` also has the server's socket and the log of its starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "api.sock"
        self._log = folder / "starts"
        script = folder / "kubectl"
        script.write_text(KUBECTL.format(log=self._log, server=self.socket))
        script.chmod(0o755)

    @property
    def starts(self) -> list[tuple[int, list[str]]]:
        """The process id and the words of each start."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [(int(line.split()[0]), line.split()[1:]) for line in lines]


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    (folder := tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return Kubectl(folder)


@pytest.fixture
def api(desk: Desk, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    def broker(environ: Any, start_response: Any) -> Any:
        return desk.wsgi(environ, start_response)

    found = ApiServer(desk.function, broker)
    monkeypatch.setenv("KASCADE_URL", "k8s://")
    server = make_server(f"unix://{kubectl.socket}", 0, found, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()
