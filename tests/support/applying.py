"""How somebody applies online, without a screen."""

from __future__ import annotations

import re
from typing import Any

from foundation.audit import Actor
from tests.support.city import City, Visitor

PRINTER = Actor("staff", "stf_printer")

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
    carried = {"seen": hidden(page.text, "seen")} if 'name="seen"' in page.text else {}
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


def enrolled_at_desk(officer: Visitor, number: str, **other: str) -> Any:
    """An officer takes an application and enters the person, with what the page holds."""
    case = f"/desk/applications/{number}"
    officer.post(f"{case}/take", case)
    page = officer.get(case).text
    names = re.findall(r'<input id="([a-z_]+)" name="\1"', page)
    values = {name: value for name in names if (value := _value(page, name))}
    papers = {"evidence": "passport:passport-authority", "method": "presented-in-person"}
    return officer.post(f"{case}/enrol", case, **{**values, **papers, **other})


def _value(page: str, name: str) -> str:
    found = re.search(rf'<input id="{name}" name="{name}" type="[a-z]+" value="([^"]*)"', page)
    return found[1] if found else ""


AT_LEVEL_3 = {
    "policy_version": "2026-01",
    "level": "3",
    "evidence_1": "passport:passport-authority",
    "method_1": "presented-in-person",
    "possessed_1": "yes",
    "valid_1": "yes",
    "evidence_2": "tax-assessment:tax-authority",
    "method_2": "presented-in-person",
    "possessed_2": "yes",
    "valid_2": "yes",
    "contact_exercised": "yes",
}


def proofed_at_level_3(city: City, person_id: str, first: Visitor, second: Visitor) -> str:
    """Two officers look at the papers, one asks for the letter; the code that is in it."""
    place = f"/desk/persons/{person_id}"
    for officer in (first, second):
        officer.post(f"{place}/look-up", "/desk", purpose="proofing")
    decided = first.post(f"{place}/proofing", place, **AT_LEVEL_3)
    assert decided.status_code == 303, decided.text
    assert decided.headers["location"].endswith("awaiting-second-officer")
    with city.runtime.database.read() as uow:
        (decision,) = city.register.proofing.waiting(uow)
    said = second.post(f"/desk/proofing/{decision.id}", place, answer="accept")
    assert said.headers["location"].endswith("accepted"), said.text
    assert first.post(f"{place}/letter", place).status_code == 303
    _, letters = city.register.letters.make("json", False, PRINTER, city.clock.now())
    return next(one.issued.code for one in letters if one.issued.person_id == person_id)
