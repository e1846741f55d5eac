"""Pictures are made of the console, wherever the gateway leads a browser."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from docs.site import screenshots

pytestmark = pytest.mark.slow


@Request.application
def gateway(request: Request) -> Response:
    if request.path == "/":
        return Response(status=302, headers={"Location": "/-/console/"})
    shown = request.path.startswith("/-/console/")
    return Response("<h1>console</h1>", content_type="text/html" if shown else "application/octet-stream")


@pytest.mark.skipif(shutil.which("chromium") is None, reason="run: apt-get install chromium")
def test_every_picture_is_of_a_page_of_the_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screenshots, "FOLDER", tmp_path / "images")
    monkeypatch.setattr(screenshots, "ALL", tmp_path / "all")
    monkeypatch.setattr(screenshots, "SCHEMES", ("light",))
    server = make_server("127.0.0.1", 0, gateway, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        screenshots.take(f"http://127.0.0.1:{server.port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert len(list((tmp_path / "all").iterdir())) == len(screenshots.PAGES) * len(screenshots.WIDTHS)
    assert len(list((tmp_path / "images").iterdir())) == len(screenshots.PICTURES)
