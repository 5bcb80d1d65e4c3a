"""No act that cannot be undone without its page: every route of every governance model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from civitas import governance
from civitas.commands.routes import _settings_for
from civitas.residents import as_csv, residents
from device_registry import owner
from foundation.audit import SYSTEM
from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support.city import City, Visitor, confirmed

PEOPLE = list(residents(1, 7, city="Tallinn", country="EE"))
FINAL = {
    "/apply/withdraw": ("withdraw",),
    "/account/credentials/{credential_id}/lost": ("lost",),
    "/account/credentials/{credential_id}/remove": ("remove",),
    "/account/documents/{document_id}/links/end": ("end",),
    "/account/wallet/end": ("end",),
    "/desk/persons/{person_id}/state": ("archive",),
    "/desk/resemblances/{resemblance_id}": ("agree",),
    "/developers/services/{client_id}/remove": ("remove",),
    "/devices/change-overs/{change_over_id}/act": ("undo",),
    "/devices/{device_id}/act": ("transfer", "revoke", "decommission"),
    "/incidents/everybody": ("everybody",),
    "/regulator/entities/{reference}/{act}": ("withdraw",),
    "/services/change": ("change",),
    "/services/remove": ("remove",),
    "/staff/{staff_id}/{act}": ("end", "freeze"),
    "/work/credentials/{credential_id}/lost": ("lost",),
    "/work/credentials/{credential_id}/remove": ("remove",),
}
FINAL_BY_NAME = ("remove", "lost", "archive", "decommission", "revoke", "transfer", "everybody")
"""A route with one of these in its path asks first, or is in neither table by mistake."""
ENDS_NOTHING = ("/oauth/revoke", "/lost")
"""A program's own token, by its protocol; the page of who lost their means, which has a delay."""


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


def test_every_act_that_cannot_be_undone_says_so_where_its_route_is(tmp_path: Path) -> None:
    asks: dict[str, tuple[str, ...]] = {}
    for model in governance.MODELS:
        folder = tmp_path / model
        folder.mkdir()
        deployment = governance.assemble(_settings_for(model, folder))
        for routes in deployment.routes.values():
            for route in routes:
                if route.asks_first:
                    asks[route.path] = route.asks_first
                elif "POST" in route.methods and not route.api and route.path not in ENDS_NOTHING:
                    assert route.path.rpartition("/")[2] not in FINAL_BY_NAME, route.path
        deployment.runtime.close()
    assert asks == FINAL


def asked_about(page: Any) -> str:
    assert page.status_code == 200
    assert "This cannot be undone." in page.text
    return confirmed(page)


def lamp(city: City) -> str:
    devices, now = city.deployment.parts["devices"], city.clock.now()
    made = devices.register("Lamp 114", owner("organisation", "Lamps"), [], SYSTEM, now)
    return str(made.device.id)


def state_of(city: City, device: str) -> str:
    return str(city.deployment.parts["devices"].get(device).state.value)


@pytest.mark.row("failures", "11")
@pytest.mark.parametrize("act", ["transfer", "revoke", "decommission"])
def test_an_act_on_a_device_is_done_only_after_its_page(city: City, act: str) -> None:
    operator, device = city.staff("operator"), lamp(city)
    place = f"/devices/{device}"
    asked = operator.post(f"{place}/act", place, act=act, reason="Sold <b>")
    assert "Lamp 114" in asked.text
    assert 'name="reason" value="Sold &lt;b&gt;"' in asked.text
    assert state_of(city, device) == "claimed"
    for guess in ("yes", "1", confirmed(asked)[:-1]):
        again = operator.post(f"{place}/act", place, act=act, reason="Sold", confirmed=guess)
        assert again.status_code == 409
        assert state_of(city, device) == "claimed"
    done = operator.post(
        f"{place}/act", place, act=act, reason="Sold", confirmed=asked_about(asked)
    )
    assert done.status_code == 303
    assert state_of(city, device) not in ("claimed", "active")


@pytest.mark.row("failures", "11")
def test_a_page_left_open_overnight_does_not_act_on_what_changed(city: City) -> None:
    operator, device = city.staff("operator"), lamp(city)
    place, why = f"/devices/{device}", {"reason": "Its pole fell over"}
    old = confirmed(operator.post(f"{place}/act", place, act="decommission", **why))
    operator.mean_it(f"{place}/act", place, act="transfer", **why)
    late = operator.post(f"{place}/act", place, act="decommission", **why, confirmed=old)
    assert late.status_code == 409
    assert "Something changed since you opened that page" in late.text
    assert state_of(city, device) == "transferred"
    # What was said to one act is no yes to another one.
    other = confirmed(operator.post(f"{place}/act", place, act="decommission", **why))
    operator.post(f"{place}/act", place, act="revoke", **why, confirmed=other)
    assert state_of(city, device) == "transferred"


def test_staff_people_and_means_of_signing_in_end_only_after_their_page(city: City) -> None:
    *_, last = city.importer.run(as_csv(iter(PEOPLE)), "register.csv")
    person_id = city.importer.persons(last.import_id)[0]
    citizen = city.citizen(person_id, "some.citizen")
    citizen.add_and_use_passkey()
    asked = citizen.get("/account/credentials").text
    found = re.search(r"/account/credentials/cred_(\w+)/remove", asked)
    assert found is not None
    credential = found[1]
    remove = f"/account/credentials/cred_{credential}/remove"
    yes = asked_about(citizen.post(remove))
    assert f"cred_{credential}/remove" in citizen.get("/account/credentials").text
    assert "done=removed" in citizen.post(remove, confirmed=yes).headers["location"]

    officer, operator = city.staff("officer"), city.staff("operator", "Otto")
    number = PEOPLE[0]["civil_number"]
    page = officer.post("/desk/search", "/desk", civil_number=number, purpose="proofing")
    place = page.headers["location"]
    archive = {"step": "archive", "reason": "Moved away", "level": "1"}
    yes = asked_about(officer.post(f"{place}/state", place, **archive))
    assert citizen.get("/account").status_code in (200, 303)
    with city.runtime.database.read() as uow:
        person = city.register.person(uow, person_id)
        assert person is not None
        assert person.state == "active"
    done = officer.post(f"{place}/state", place, **archive, confirmed=yes)
    assert done.headers["location"].endswith("done=archive")

    yes = asked_about(operator.post(f"/staff/{officer.id}/end", "/staff", reason="Left"))
    assert officer.get("/desk").status_code == 200
    operator.post(f"/staff/{officer.id}/end", "/staff", reason="Left", confirmed=yes)
    assert officer.get("/desk").status_code == 303


def test_a_proofing_can_be_tried_and_nothing_is_recorded(city: City) -> None:
    *_, last = city.importer.run(as_csv(iter(PEOPLE)), "register.csv")
    person_id = city.importer.persons(last.import_id)[0]
    officer: Visitor = city.staff("officer")
    number = PEOPLE[0]["civil_number"]
    page = officer.post("/desk/search", "/desk", civil_number=number, purpose="proofing")
    place, before = page.headers["location"], city.kinds(person_id)
    weak = {
        "policy_version": "2026-01",
        "level": "2",
        "evidence_1": "passport:passport-authority",
        "method_1": "presented-in-person",
        "reference_1": "K1234567",
    }
    tried = officer.post(f"{place}/proofing", place, **weak, do="try")
    assert tried.status_code == 200
    assert "nothing was recorded" in tried.text
    assert "would be refused" in tried.text
    assert 'value="K1234567"' in tried.text
    good = {**weak, "possessed_1": "yes", "valid_1": "yes"}
    tried = officer.post(f"{place}/proofing", place, **good, do="try")
    assert "would be accepted" in tried.text
    assert city.kinds(person_id) == before
    refused = officer.post(f"{place}/proofing", place, **weak)
    assert refused.status_code == 422
    assert "<title>Error: " in refused.text
    assert 'value="K1234567"' in refused.text
    assert set(city.kinds(person_id)) - set(before) == {"register.proofing-refused"}
