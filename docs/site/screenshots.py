"""Makes the pictures in docs/images, of the console of a running system."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Literal, NamedTuple

FOLDER = Path(__file__).resolve().parents[1] / "images"
LARGEST = 120_000
"""Bytes of a picture."""


class Picture(NamedTuple):
    """A page of the console at one width, in one scheme."""

    name: str
    path: str
    width: int
    height: int
    scheme: Literal["light", "dark"]


PICTURES = (
    Picture("model-light", "/models/digits", 1280, 900, "light"),
    Picture("model-dark-narrow", "/models/digits", 360, 800, "dark"),
)


def take(address: str) -> None:
    """Make all pictures of the console at an address. It needs chromium on the PATH."""
    from playwright.sync_api import sync_playwright

    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for each in PICTURES:
            page = browser.new_page(
                color_scheme=each.scheme, viewport={"width": each.width, "height": each.height}
            )
            page.goto(address + each.path)
            page.wait_for_timeout(2000)  # the page takes its content in, and redraws
            (FOLDER / f"{each.name}.png").write_bytes(small(page.screenshot()))
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
