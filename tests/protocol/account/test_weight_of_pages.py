"""Pages come over bad networks: how much has to be there before somebody can read.

No seconds are asserted here: bytes and requests make them.
"""

from __future__ import annotations

import re

import pytest

from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support.city import City

MOST_BYTES = 60_000
BEFORE_IT_PAINTS = 2
"""The page and its style sheet; scripts wait, pictures come when they come."""
AT_FIRST = 16_000


@pytest.mark.parametrize("path", ["/sign-in", "/activate", "/"])
def test_a_page_is_light_and_needs_its_style_sheet_alone_to_be_seen(
    settings: Settings, clock: FrozenClock, path: str
) -> None:
    city = City(settings, clock)
    page = city.browser().get(path)
    assert page.status_code == 200
    assert len(page.content) < MOST_BYTES
    head = page.text.partition("</head>")[0]
    sheets = re.findall(r'<link[^>]+rel="stylesheet"[^>]+href="([^"]+)"', head)
    sheets += re.findall(r'<link[^>]+href="([^"]+)"[^>]+rel="stylesheet"', head)
    scripts = re.findall(r"<script[^>]*>", page.text)
    assert all("defer" in s or "module" in s for s in scripts), "none stands in the way"
    assert 1 + len(sheets) <= BEFORE_IT_PAINTS
    came = [city.browser().http.get(s, headers={"Accept-Encoding": "gzip"}) for s in sheets]
    assert all(c.headers["content-encoding"] == "gzip" for c in came)
    needed = len(page.content) + sum(int(c.headers["content-length"]) for c in came)
    assert needed < AT_FIRST
    plain = city.browser().http.get(sheets[0], headers={"Accept-Encoding": "gzip;q=0, br"})
    assert "content-encoding" not in plain.headers
    assert plain.content == came[0].content
    assert "content-encoding" not in page.headers, "a page is not packed: its length would tell"
    city.close()
