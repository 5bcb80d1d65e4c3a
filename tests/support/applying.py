"""How somebody applies online, without a screen."""

from __future__ import annotations

import re
from typing import Any

from tests.support.city import Visitor

WHO = {
    "given_name": "Leida",
    "family_name": "Tamm",
    "birthdate": "1990-01-01",
    "civil_number": "49001012222",
}
REACH = {"street_address": "Lai 1", "locality": "Tallinn", "country": "EE"}


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return found[1] if found else ""


def code_on(page: str) -> str:
    """The code with which an application is opened elsewhere."""
    found = re.search(r'id="resume-code">([^<]+)<', page)
    assert found is not None, page
    return found[1]


def number_on(page: str) -> str:
    found = re.search(r"<dd><code>([0-9A-Z-]+)</code></dd>", page)
    assert found is not None, page
    return found[1]


def save(visitor: Visitor, step: str, **values: str) -> Any:
    """Send the page of one step as it is, with these values."""
    page = visitor.get(f"/apply/{step}")
    carried = {n: v for n in ("attempt", "seen") if (v := hidden(page.text, n))}
    return visitor.post(f"/apply/{step}", f"/apply/{step}", **carried, **values)


def agree(visitor: Visitor) -> Any:
    page = visitor.get("/apply/terms").text
    carried = {n: hidden(page, n) for n in ("terms_version", "notice_version")}
    return visitor.post("/apply/terms", "/apply/terms", agree="yes", **carried)


def fill(visitor: Visitor, way: str = "desk", **other: str) -> None:
    """All steps but the last one."""
    who = {name: other.pop(name, value) for name, value in WHO.items()}
    for step, values in (("who", who), ("reach", {**REACH, **other}), ("way", {"way": way})):
        saved = save(visitor, step, **values)
        assert saved.status_code == 303, saved.text
    assert agree(visitor).status_code == 303


def apply(visitor: Visitor, way: str = "desk", **other: str) -> str:
    """The whole of it; the reference number."""
    fill(visitor, way, **other)
    sent = visitor.post("/apply/send", "/apply/check")
    assert sent.headers["location"] == "/apply/status?done=sent", sent.text
    return number_on(visitor.get("/apply/status").text)
