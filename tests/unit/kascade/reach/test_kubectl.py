"""The real kubectl, where there is one, leads to an API server as the one that tests play."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.api_server import ApiServer
from typer.testing import CliRunner
from werkzeug.serving import make_server

from eventing.event import originate
from kascade.cli import build
from kascade.reach.kubectl import KubectlProxy

if TYPE_CHECKING:
    from conftest import Desk

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl: put one on the PATH")


@pytest.fixture
def api(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    def broker(environ: Any, start_response: Any) -> Any:
        return desk.wsgi(environ, start_response)

    found = ApiServer(desk.function, broker)
    server = make_server("127.0.0.1", 0, found, threaded=True)
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a/b@here",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "a/b@here", "context": {"cluster": "c", "user": "u"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("url", ["k8s://", "k8s://a%2Fb@here/kascade"])
def test_events_go_in_and_come_out(desk: Desk, api: ApiServer, url: str) -> None:
    desk.record(originate("my.type", "/me", "s", {}, id_="chain"))
    assert CliRunner().invoke(build(), ["send", "other.type", "--id", "7", "--url", url]).output == "7\n"
    printed = CliRunner().invoke(build(), ["events", "--url", url]).output
    assert "my.type" in printed
    assert "other.type" in printed


def test_an_unknown_context_is_named(desk: Desk, api: ApiServer) -> None:
    done = CliRunner().invoke(build(), ["events", "--url", "k8s://nobody"])
    assert "nobody" in str(done.exception)


def test_an_api_server_that_is_away_is_named(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    done = CliRunner().invoke(build(), ["events", "--url", "k8s://"])
    assert "the API server does not answer" in str(done.exception)


def test_nobody_else_can_open_the_socket() -> None:
    proxy = KubectlProxy(None)
    assert proxy.socket.parent.stat().st_mode & 0o077 == 0
    proxy.close()
    assert not proxy.socket.parent.exists()
