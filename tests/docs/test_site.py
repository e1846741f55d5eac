"""The documentation as a site: complete, without a dead link, and with nothing from another machine."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from docs.site import hooks, reference
from docs.site.screenshots import LARGEST, PICTURES
from eventing.testing import MemorySink
from functions.console.app import create_app as console_app
from functions.console.cluster import NoCluster
from functions.console.settings import Settings as ConsoleSettings
from functions.record_events.app import create_app as ledger_app
from functions.record_events.settings import Settings as LedgerSettings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
READ = re.compile(r"\bKASCADE_[A-Z_]+\b")
SET_BY_THE_PRODUCT = {"KASCADE_OWN_CODE", "KASCADE_FEAST_PROGRAM"}
"""The product sets them, and no person does."""


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_page_of_the_reference_is_what_the_code_says(name: str) -> None:
    text = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert text == reference.PAGES[name](), "run: python -m docs.site.reference"


@pytest.mark.parametrize("function", ["console", "record_events"])
def test_every_route_of_a_function_that_people_ask_is_in_its_readme_and_so_on_the_page(function: str) -> None:
    app: Any = {
        "console": lambda: console_app(
            ConsoleSettings(steering=True), sink=MemorySink(), cluster=NoCluster("")
        ),
        "record_events": lambda: ledger_app(LedgerSettings("sqlite:///none.db"), sink=MemorySink()),
    }[function]()
    everywhere = {
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "POST /",
        "GET /assets/<>",
        "GET /static/<>",
        "POST /dead-letters",
    }
    routes = {
        f"{method} {re.sub('<[^>]*>', '<>', rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods & {"GET", "POST"}
    }
    page = (reference.FOLDER / "http.md").read_text(encoding="utf-8")
    section = re.sub("<[^>]*>", "<>", page.partition(f"\n## {function}\n")[2].partition("\n## ")[0])
    listed = set(re.findall(r"`((?:GET|POST) /[^`?]*)", section))
    if function == "record_events":
        routes -= {"POST /dead-letters/copies", "GET /explain/<>"}
    else:
        routes -= {"GET /why/<>"}
    assert routes - everywhere <= listed


def test_every_variable_of_ours_is_among_the_settings() -> None:
    read = {
        name
        for room in ("eventing", "functions", "kascade", "knative", "pipelines")
        for file in (ROOT / room).rglob("*.py")
        for name in READ.findall(file.read_text(encoding="utf-8"))
    }
    page = reference.settings()
    assert [name for name in sorted(read - SET_BY_THE_PRODUCT) if f"`{name}`" not in page] == []


def test_the_pictures_are_those_of_the_command_and_small() -> None:
    pictures = {file.stem: file.stat().st_size for file in (ROOT / "docs" / "images").glob("*.png")}
    assert set(pictures) == {each.name for each in PICTURES}
    assert len(pictures) <= 4
    assert max(pictures.values()) <= LARGEST


def test_what_a_page_links_to_outside_of_docs_has_a_page() -> None:
    assert (
        hooks.page_of(ROOT / "functions/record_events/README.md")
        == "source/functions/record_events/README.md"
    )
    assert hooks.page_of(ROOT / "pipelines/model_file.py") == "source/pipelines/model_file.py.md"
    assert hooks.page_of(ROOT / "tests/cluster") == "source/tests/cluster/README.md"
    assert hooks.source_of("source/pipelines/model_file.py.md") == ROOT / "pipelines/model_file.py"
    assert "def " in hooks.content_of(ROOT / "pipelines/model_file.py")


def test_lists_within_lists_are_indented_as_the_site_needs_it() -> None:
    fenced = "```yaml\na:\n  b: 1\n```\n"
    page = "- a\n  - b\n    - c\n\n1. d\n\n   ```console\n   $ e\n     f\n   ```\n\n"
    wanted = "- a\n    - b\n        - c\n\n1. d\n\n    ```console\n    $ e\n      f\n    ```\n\n"
    assert hooks.four_spaces(page + fenced) == wanted + fenced


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a dead link or a page that is in no menu fails."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [
            sys.executable,
            *["-m", "mkdocs", "--quiet", "build", "-f", "docs/site/mkdocs.yml", "--site-dir"],
            str(folder),
        ],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Serve the site on loopback."""
    handler = functools.partial(Silent, directory=str(site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Silent(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_browser_asks_no_other_machine_and_search_finds(address: str) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        assert not os.environ.get("CI"), "CI installs chromium"
        pytest.skip("there is no chromium on the PATH; run: apt-get install chromium")
    asked: list[str] = []
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 360, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        for path in (
            "index.html",
            "tutorial.html",
            "reference/commands.html",
            "source/functions/console/index.html",
        ):
            answer = page.goto(f"{address}/{path}")
            assert answer is not None
            assert answer.ok, path
        page.set_viewport_size({"width": 1440, "height": 900})
        page.get_by_role("textbox", name="Search").fill("quarantine")
        page.locator(".md-search-result__item").first.wait_for()
        browser.close()
    assert {url for url in asked if not url.startswith((address, "data:", "blob:"))} == set()
    assert problems == []
