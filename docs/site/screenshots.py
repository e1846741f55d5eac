"""Makes pictures of the console of a running system: those in docs/images, and all in .cache/screenshots."""

from __future__ import annotations

import io
import shutil
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FOLDER, ALL = ROOT / "docs" / "images", ROOT / ".cache" / "screenshots"
LARGEST = 120_000
"""Bytes of a picture in docs/images."""

Scheme = Literal["light", "dark"]
WIDTHS = {360: 800, 768: 1024, 1440: 900}
"""Widths with their heights: a telephone, a tablet, a desk."""
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
PAGES = {
    "loop": "/",
    "model": "/models/digits",
    "runs": "/models/digits/runs",
    "data": "/models/digits/data",
    "events": "/events",
    "why": "/why/digits/v2",
    "dead-letters": "/dead-letters",
}


class Picture(NamedTuple):
    """A page of the console at one width, in one scheme."""

    name: str
    page: str
    width: int
    scheme: Scheme


PICTURES = (
    Picture("model-light", "model", 1440, "light"),
    Picture("runs-light-tablet", "runs", 768, "light"),
    Picture("model-dark-narrow", "model", 360, "dark"),
)
"""Those in docs/images."""


def take(address: str) -> None:
    """Make all pictures of the console that an address leads a browser to. It needs chromium on the PATH."""
    from playwright.sync_api import sync_playwright

    for folder in (FOLDER, ALL):
        folder.mkdir(parents=True, exist_ok=True)
    every = [
        Picture(f"{page}-{width}-{scheme}", page, width, scheme)
        for page, width, scheme in product(PAGES, WIDTHS, SCHEMES)
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        door = browser.new_page()
        door.goto(address)
        console = door.url.rstrip("/")
        for each in (*PICTURES, *every):
            page = browser.new_page(
                color_scheme=each.scheme, viewport={"width": each.width, "height": WIDTHS[each.width]}
            )
            page.goto(console + PAGES[each.page])
            page.wait_for_load_state("load")
            png = page.screenshot(full_page=each not in PICTURES)
            if each in PICTURES:
                (FOLDER / f"{each.name}.png").write_bytes(small(png))
            else:
                (ALL / f"{each.name}.png").write_bytes(png)
            page.close()
        browser.close()


def small(png: bytes) -> bytes:
    """Return a picture of at most 64 colours: a page has few. Raises: ValueError: it is too large even so."""
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(64).save(out, "PNG", optimize=True)
    if out.tell() > LARGEST:
        raise ValueError(f"a picture takes {out.tell()} bytes, and may take {LARGEST}")
    return out.getvalue()
