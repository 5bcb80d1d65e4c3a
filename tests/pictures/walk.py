"""Every page that a viewer can reach: all fixed routes, and every link from there on.

No list of pages is kept here: a page that is new tomorrow is found.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from tests.pictures.city import Viewer

A_KIND = 2
"""How many pages are shown that differ in their ids or queries only."""
MOST = 80
_ID = re.compile(r"/[a-z]+[_-][0-9A-Za-z]{10,}|/[0-9a-f]{16,}|/[\w.~-]{30,}")
# These lead away, or end what others are to see.
_NOT = re.compile(r"^/(static|language|oauth/(cancel|continue|come)|\.well-known|audit/)")


def pages(viewer: Viewer) -> Iterator[tuple[str, str]]:
    """Path and HTML of each page, once."""
    waiting = [*viewer.first, *(_routes(viewer) if viewer.who != "chooser" else ())]
    kinds: Counter[str] = Counter()
    seen: set[str] = set()
    while waiting and len(seen) < MOST:
        path = waiting.pop(0)
        kind = _ID.sub("/{id}", path.partition("?")[0])
        if path in seen or _NOT.match(path) or kinds[kind] >= A_KIND:
            continue
        seen.add(path)
        answer = viewer.browser.client.get(
            viewer.deployed.url + path, headers={"Accept": "text/html"}, follow_redirects=False
        )
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        if answer.status_code >= 400 and path not in viewer.first:
            continue  # not open to this viewer: others show it
        kinds[kind] += 1
        yield path, answer.text
        waiting += _links(viewer, path, answer.text)


def _routes(viewer: Viewer) -> list[str]:
    listed = json.loads(viewer.deployed.civitas("routes", "--json"))
    return [r["path"] for r in listed if "GET" in r["methods"] and "{" not in r["path"]]


def _links(viewer: Viewer, path: str, html: str) -> Iterator[str]:
    for link in re.findall(r'<a\b[^>]*\bhref="([^"#]+)', html):
        whole = urlsplit(urljoin(viewer.deployed.url + path, link.replace("&amp;", "&")))
        if f"{whole.scheme}://{whole.netloc}" == viewer.deployed.url:
            yield whole.path + (f"?{whole.query}" if whole.query else "")
