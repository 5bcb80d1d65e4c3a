"""Take them: into a folder with one sheet to look at, and what axe and a ruler find.

Ends with 1 when axe finds something, a page is wider than its window or heavier than it may be.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.pictures.city import Shown, Viewer, shown
from tests.pictures.paint import first_paint
from tests.pictures.walk import pages
from tests.support.browser import AXE_RULES, chromium

MOST_BYTES = 60_000
VARIANTS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1200, "height": 800}, "locale": "en-GB"},
    "narrow": {"viewport": {"width": 320, "height": 640}, "locale": "en-GB"},
    "dark": {"viewport": {"width": 1200, "height": 800}, "locale": "en-GB",
             "color_scheme": "dark"},
    "right-to-left": {"viewport": {"width": 1200, "height": 800}, "locale": "ar"},
}  # fmt: skip
README = Path(__file__).parents[2] / "docs" / "pictures"
README_SIZE = {"width": 1000, "height": 860}
README_SCALE = 0.62


def main() -> int:
    parser = argparse.ArgumentParser(prog="make pictures")
    parser.add_argument("--folder", type=Path, default=Path("pictures"))
    parser.add_argument("--readme", action="store_true", help="only those of the README, anew")
    chosen = parser.parse_args()
    with shown(_say, all_models=not chosen.readme) as city, chromium() as browser:
        if chosen.readme:
            _for_readme(browser, city)
            return 0
        return _all(browser, city, chosen.folder)


def _all(browser: Browser, city: Shown, folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    walked = [(v, path, html) for v in city.viewers for path, html in pages(v)]
    heavy = [
        f"{v.who} {path}: {len(html.encode())} bytes"
        for v, path, html in walked
        if len(html.encode()) > MOST_BYTES
    ]
    found, rows = list(heavy), []
    for number, (viewer, path, _) in enumerate(walked, 1):
        _say(f"{number} of {len(walked)}: {viewer.who} {path}")
        name = re.sub(r"[^a-z0-9]+", "-", f"{number:03} {viewer.who} {path}".lower())[:60]
        found += _take(browser, viewer, path, folder, name)
        rows.append((viewer.who, path, name))
    (folder / "index.html").write_text(_sheet(rows, found), "utf-8")
    _say(f"{len(walked)} pages, each {len(VARIANTS)} times: {folder / 'index.html'}")
    here = city.viewers[0].deployed.url
    for path in ("/sign-in", "/lost"):
        after = first_paint(browser, here + path)
        _say(f"{path} shows its first words after {after:.0f} ms (slow 3G)")
    for line in found:
        _say(line)
    return 1 if found else 0


def _take(browser: Browser, viewer: Viewer, path: str, folder: Path, name: str) -> Iterator[str]:
    for variant, how in VARIANTS.items():
        page = _open(browser, viewer, path, how)
        page.screenshot(path=folder / f"{name}.{variant}.png", full_page=True)
        if variant in ("wide", "dark"):
            options = {"runOnly": {"type": "tag", "values": AXE_RULES}}
            for broken in Axe().run(page, options=options).response["violations"]:
                where = broken["nodes"][0]["target"]
                yield f"{viewer.who} {path} {variant}: axe {broken['id']} at {where}"
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > how["viewport"]["width"]:
            yield f"{viewer.who} {path} {variant}: {width} pixels wide"
        page.context.close()


def _open(browser: Browser, viewer: Viewer, path: str, how: dict[str, Any]) -> Page:
    context = browser.new_context(**how)
    here = viewer.deployed.url
    # Not the choice of a language: that is the variant's.
    context.add_cookies(
        [
            {"name": c.name, "value": c.value or "", "url": here}
            for c in viewer.browser.client.cookies.jar
            if "language" not in c.name
        ]
    )
    page = context.new_page()
    page.goto(here + path, wait_until="load")
    return page


def _for_readme(browser: Browser, city: Shown) -> None:
    how = {"viewport": README_SIZE, "locale": "en-GB", "device_scale_factor": README_SCALE}
    for name, (viewer, path) in city.named.items():
        page = _open(browser, viewer, path, how)
        page.screenshot(path=README / f"{name}.png")
        _say(f"docs/pictures/{name}.png")
        page.context.close()


def _sheet(rows: list[tuple[str, str, str]], found: list[str]) -> str:
    cells = "".join(
        f"<section><h2>{escape(who)} <code>{escape(path)}</code></h2>"
        + "".join(
            f'<a href="{name}.{v}.png"><img loading="lazy" src="{name}.{v}.png" alt="{v}"></a>'
            for v in VARIANTS
        )
        + "</section>"
        for who, path, name in rows
    )
    remarks = "".join(f"<li>{escape(line)}" for line in found)
    return (
        "<!doctype html><meta charset=utf-8><title>Pages</title>"
        "<style>img{max-width:23%;vertical-align:top;margin:.3%;border:1px solid #888}</style>"
        f"<h1>{len(rows)} pages</h1><ul>{remarks}</ul>{cells}"
    )


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
