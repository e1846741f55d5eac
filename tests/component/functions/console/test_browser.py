"""The pages in a real browser: at three widths, light and dark, by keyboard, and live."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from eventing import catalogue as c
from eventing.testing import build_event, handle

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from conftest import Console

PAGES = [
    "",
    "models/churn",
    "models/churn/runs",
    "models/churn/data",
    "models/churn/drift/drift1",
    "models/other",
    "events",
    "why/churn/v2",
    "why/decided2",
    "dead-letters",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a browser for this module alone: until it is stopped, its event loop runs in this thread."""
    chromium = shutil.which("chromium")
    if chromium is None:
        assert not os.environ.get("CI"), "CI installs chromium"
        pytest.skip("there is no chromium on the PATH; run: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def address(told: Console) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, told.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def opened(
    browser: Browser, url: str, *, width: int = 1280, scheme: Literal["light", "dark"] = "light"
) -> Page:
    page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}).new_page()
    page.problems = []  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.problems.append(str(error)))  # type: ignore[attr-defined]
    page.on("console", lambda message: page.problems.append(message.text))  # type: ignore[attr-defined]
    page.goto(url)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_pages_fit_and_are_accessible(
    browser: Browser, address: str, prediction: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    found: dict[str, Any] = {}
    for path in [*PAGES, f"why/{prediction}"]:
        page = opened(browser, address + path, width=width, scheme=scheme)
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        violations = [each["id"] for each in Axe().run(page).response["violations"]]
        problems = [] if path == "models/other" else page.problems  # type: ignore[attr-defined]
        if too_wide > 0 or violations or problems:
            found[path] = (too_wide, violations, problems)
        page.context.close()
    assert found == {}


def test_what_happens_appears_without_a_reload_and_pausing_holds_it(
    browser: Browser, address: str, told: Console
) -> None:
    page = opened(browser, address)
    page.wait_for_function("document.querySelector('#lately')")

    def record(id_: str) -> None:
        event = build_event(c.TrainingRequested.type, {"model": "churn", "requested_by": id_}, id_=id_)
        assert handle(told.ledger, event) is None

    page.get_by_text("All functions as a list").click()
    record("first")
    page.get_by_text("by first").wait_for()
    assert page.locator("details[open]").count() == 1

    page.get_by_role("button", name="Pause").click()
    record("second")
    page.wait_for_timeout(2500)
    assert page.get_by_text("by second").count() == 0

    page.get_by_role("button", name="Follow").click()
    page.get_by_text("by second").wait_for()
    page.context.close()


@pytest.mark.parametrize("path", ["", "why/churn/v2"])
def test_no_word_of_a_picture_is_wider_than_its_box(browser: Browser, address: str, path: str) -> None:
    page = opened(browser, address + path)
    assert page.locator(".box, .cause").count() > 3
    overflowing = page.evaluate(
        """[...document.querySelectorAll(".box, .cause")].filter((box) => {
             const frame = box.querySelector("rect").getBBox();
             return [...box.querySelectorAll("text")].some((text) => text.getBBox().width > frame.width - 6);
           }).map((box) => box.textContent.trim())"""
    )
    assert overflowing == []
    page.context.close()


def test_a_chain_is_seen_whole_on_a_telephone_and_a_click_on_a_box_leads_to_its_page(
    browser: Browser, address: str
) -> None:
    page = opened(browser, f"{address}why/decided2", width=360)
    hidden = page.evaluate(
        "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('.scroll'))"
    )
    assert hidden == 0

    page.locator("svg.causes a", has_text="rollout.completed").click()

    page.get_by_role("heading", name="The event").wait_for()
    assert "rollout.completed" in page.locator("pre").inner_text()
    page.context.close()


def test_a_click_on_a_cell_of_the_drift_table_shows_both_distributions(
    browser: Browser, address: str
) -> None:
    page = opened(browser, f"{address}models/churn")

    page.get_by_role("link", name="distributions of country").click()

    page.wait_for_url("**/drift/drift1#feature-1")
    figure = page.locator(":target")
    assert figure.locator("h2").inner_text() == "country"
    assert figure.get_by_role("img").is_visible()
    page.context.close()


def test_a_console_that_is_away_is_said_and_found_again(browser: Browser, address: str) -> None:
    page = opened(browser, address)
    notice = page.get_by_text("The console does not answer")
    page.context.route("**/changes*", lambda route: route.abort())
    notice.wait_for(timeout=30_000)

    page.context.unroute("**/changes*")
    notice.wait_for(state="hidden", timeout=30_000)
    page.context.close()


def test_everything_is_reached_by_keyboard(browser: Browser, address: str) -> None:
    page = opened(browser, address)

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim()"))
    assert {"churn", "drift.checked", "All events"} <= reached
    page.context.close()


def test_a_model_is_retrained_by_a_button(browser: Browser, address: str, told: Console) -> None:
    page = opened(browser, f"{address}models/churn")

    page.get_by_label("Who asks").fill("ann")
    page.get_by_role("button", name="Retrain now").click()
    page.wait_for_url("**/why/*")

    (event,) = told.sink.of_type(c.TrainingRequested.type)
    assert event.data["requested_by"] == "ann"
    assert handle(told.ledger, event) is None
    page.locator(".tree").get_by_text("by ann").wait_for()
    page.context.close()
