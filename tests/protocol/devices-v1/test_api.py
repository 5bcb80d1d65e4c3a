"""The registry's JSON interface and the operator's pages: who may, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from foundation.web import Principal
from tests.support.devices import OPERATING, Town, csr, csrf_token, new_key, strangers

API = "/devices/v1"
SERVICE = Principal("service", "cli_parks", scopes=frozenset({"devices:manage"}))
NEW = {"label": "Lamp 114", "owner": {"kind": "organisation", "name": "Street Lighting"}}


def registered(town: Town, **more: Any) -> dict[str, Any]:
    town.who["caller"] = SERVICE
    answer = town.https.post(API, json={**NEW, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.row("devices", "5.5")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""), ("POST", ""), ("GET", "/dev_1"), ("POST", "/dev_1/token"),
        ("POST", "/dev_1/suspend"), ("POST", "/dev_1/decommission"), ("GET", "/self"),
    ],
)  # fmt: skip
def test_an_unauthenticated_call_is_401(town: Town, method: str, path: str) -> None:
    body = NEW if path == "" else {"reason": "x"}
    answer = town.https.request(method, API + path, json=body if method == "POST" else None)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["next_step"]


@pytest.mark.parametrize("caller", strangers("access:evaluate"), ids=lambda caller: caller.kind)
def test_others_are_403(town: Town, caller: Principal) -> None:
    town.who["caller"] = caller
    assert town.https.get(API).status_code == 403
    assert town.https.post(API, json=NEW).status_code == 403


def test_a_registered_device_shows_its_token_once_and_enrols(town: Town) -> None:
    answer = registered(town, identifiers=[{"scheme": "eui64", "value": "00-24-BE-FF-FE-80-4F-F1"}])
    device_id, token = answer["device"]["id"], answer["enrolment_token"]
    enrolled = town.https.post(
        "/.well-known/est/simpleenroll",
        content=csr(new_key(), device_id),
        headers={"Content-Type": "application/pkcs10"},
        auth=(device_id, token),
    )
    assert enrolled.status_code == 200
    shown = town.https.get(f"{API}/{device_id}")
    assert token not in shown.text
    assert shown.json()["state"] == "active"
    assert [step["act"] for step in shown.json()["history"]][-1] == "activate"
    assert shown.json()["credentials"][0]["state"] == "issued"
    assert shown.json()["identifiers"] == [{"scheme": "eui64", "value": "0024befffe804ff1"}]


def test_a_suspended_device_reads_why_at_its_own_endpoint(town: Town) -> None:
    answer = registered(town)
    device_id = answer["device"]["id"]
    town.https.post(
        "/.well-known/est/simpleenroll",
        content=csr(new_key(), device_id),
        headers={"Content-Type": "application/pkcs10"},
        auth=(device_id, answer["enrolment_token"]),
    )
    town.who["caller"] = Principal("device", device_id)
    assert town.https.get(f"{API}/self").json()["id"] == device_id
    town.who["caller"] = SERVICE
    done = town.https.post(f"{API}/{device_id}/suspend", json={"reason": "noise"})
    assert done.json()["state"] == "suspended"
    assert done.json()["possible_acts"] == ["reactivate", "transfer", "revoke", "decommission"]
    town.who["caller"] = Principal("device", device_id)
    refused = town.https.get(f"{API}/self")
    assert refused.status_code == 403
    assert refused.json()["where"] == "suspended"
    assert refused.json()["next_step"]
    town.who["caller"] = SERVICE
    again = town.https.post(f"{API}/{device_id}/suspend", json={"reason": "noise"})
    assert (again.status_code, again.json()["where"]) == (409, "state")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"label": ""}, "label"),
        ({"label": "a\nb\u0000"}, "label"),
        ({"label": "x" * 121}, "label"),
        ({"owner": {"kind": "citizen", "name": "Anna"}}, "owner"),
        ({"owner": {"kind": "king", "name": "Anna"}}, "owner.kind"),
        ({"identifiers": [{"scheme": "eui64", "value": "1"}]}, "identifiers.eui64"),
        ({"surprise": 1}, "surprise"),
        ({"label": 7}, "label"),
    ],
)
def test_bad_input_is_422_and_says_where(town: Town, change: dict[str, Any], where: str) -> None:
    town.who["caller"] = SERVICE
    answer = town.https.post(API, json={**NEW, **change})
    assert answer.status_code == 422, answer.text
    assert where in answer.json()["where"]


def test_an_unknown_device_is_404_everywhere(town: Town) -> None:
    town.who["caller"] = SERVICE
    assert town.https.get(f"{API}/dev_unknown").status_code == 404
    for act in ("suspend", "release", "decommission"):
        answer = town.https.post(f"{API}/dev_unknown/{act}", json={"reason": "x"})
        assert answer.status_code == 404
    assert town.https.post(f"{API}/dev_unknown/token").status_code == 404


def test_the_list_pages(town: Town) -> None:
    for _ in range(3):
        registered(town)
    first = town.https.get(API, params={"limit": 2}).json()
    rest = town.https.get(API, params={"limit": 2, "after": first["next"]}).json()
    assert (len(first["devices"]), len(rest["devices"]), rest["next"]) == (2, 1, None)
    assert town.https.get(API, params={"limit": 0}).status_code == 422


def test_staff_write_by_json_only_from_a_page_of_ours(town: Town) -> None:
    town.who["caller"] = OPERATING
    assert town.https.get(API).status_code == 200
    assert town.https.post(API, json=NEW).status_code == 403


def test_every_route_of_the_interface_is_in_openapi(town: Town) -> None:
    paths = town.app.openapi()["paths"]
    ours = {path for path in paths if path.startswith(API)}
    assert {API, f"{API}/self", f"{API}/{{device_id}}", f"{API}/{{device_id}}/suspend"} <= ours
    for path in ours:
        for operation in paths[path].values():
            assert operation["summary"]
            success = operation["responses"].get("200") or operation["responses"]["201"]
            assert success["content"]["application/json"]["schema"]


# ── the operator's pages ─────────────────────────────────────────────────────────────────


def test_a_browser_without_a_session_is_sent_to_sign_in(town: Town) -> None:
    answer = town.http.get("/devices", headers={"Accept": "text/html"}, follow_redirects=False)
    assert answer.status_code == 303
    assert "return_to=%2Fdevices" in answer.headers["location"]


def test_the_operator_registers_suspends_and_reactivates_by_page(town: Town) -> None:
    town.who["caller"] = OPERATING
    browser = town.http
    assert "No device is registered yet" in browser.get("/devices").text
    form = browser.get("/devices/new").text
    made = browser.post(
        "/devices/new",
        data={
            "csrf_token": csrf_token(form), "label": "Lamp <114>", "owner_kind": "organisation",
            "owner": "Street Lighting", "scheme": "eui64", "identifier": "",
        },
    )  # fmt: skip
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    token = re.search(r'id="token">([^<]+)<', made.text)
    device = re.search(r'id="device-id">([^<]+)<', made.text)
    assert token is not None
    assert device is not None
    assert "Lamp &lt;114&gt;" in made.text

    body = csr(new_key(), device[1])
    enrolled = town.https.post(
        "/.well-known/est/simpleenroll",
        content=body,
        headers={"Content-Type": "application/pkcs10"},
        auth=(device[1], token[1]),
    )
    assert enrolled.status_code == 200
    for act, state in (("suspend", "suspended"), ("reactivate", "active")):
        page = browser.get(f"/devices/{device[1]}").text
        assert token[1] not in page
        shown = browser.post(
            f"/devices/{device[1]}/act",
            data={"csrf_token": csrf_token(page), "act": act, "reason": "a test"},
        )
        assert shown.status_code == 200, shown.text
        assert f'id="state">{state}<' in shown.text


def test_a_form_from_elsewhere_is_refused(town: Town) -> None:
    town.who["caller"] = OPERATING
    for path in ("/devices/new", "/devices/dev_1/act", "/devices/dev_1/token"):
        answer = town.http.post(path, data={"csrf_token": "x", "act": "suspend"})
        assert answer.status_code == 403


def test_a_wrong_entry_shows_the_form_again_with_what_was_written(town: Town) -> None:
    town.who["caller"] = OPERATING
    form = town.http.get("/devices/new").text
    answer = town.http.post(
        "/devices/new",
        data={
            "csrf_token": csrf_token(form), "label": "Lamp 7", "owner_kind": "citizen",
            "owner": "Anna", "scheme": "eui64", "identifier": "zz",
        },
    )  # fmt: skip
    assert answer.status_code == 422
    assert 'value="Lamp 7"' in answer.text
    assert "hexadecimal" in answer.text


def test_pages_refuse_what_is_not_there(town: Town) -> None:
    town.who["caller"] = OPERATING
    assert town.http.get("/devices/dev_unknown").status_code == 404
    page = town.http.get("/devices/new").text
    answer = town.http.post(
        "/devices/dev_unknown/act",
        data={"csrf_token": csrf_token(page), "act": "explode", "reason": "x"},
    )
    assert answer.status_code == 400
