"""Processes that are killed in the middle: after the restart nothing is lost, nothing doubled."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7
from sqlalchemy import func, select, update

from civitas.residents import as_csv, residents
from civitas.tour.browser import Browser
from civitas.tour.steps.activation import set_up
from civitas.tour.steps.device import PKCS10, Device
from civitas.tour.steps.enrolment import upload
from civitas.tour.steps.withdrawal import by_page, dead_everywhere
from civitas.tour.world import PASSWORD
from foundation.database import Database
from foundation.jobs import durable_jobs
from idp.oauth.tables import codes, grants, refresh_tokens
from idp.register.tables import import_rows, persons
from pki.tables import certificates
from tests.chaos import points
from tests.chaos.doomed import KILLED, Doomed
from tests.chaos.points import Point

pytestmark = pytest.mark.timeout(600)
ROWS = 8
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def at(table: Sequence[Point]) -> pytest.MarkDecorator:
    """Each point on SQLite, the first ones on PostgreSQL too; the short run is one of each act."""
    cases = []
    short = next(p for p in table if p.first)
    for point in table:
        marks = () if point is short else (pytest.mark.slow,)
        cases.append(pytest.param("sqlite", point, id=f"sqlite-{point.name}", marks=marks))
        if point.first:
            case = pytest.param(
                "postgresql", point, id=f"postgresql-{point.name}", marks=pytest.mark.slow
            )
            cases.append(case)
    return pytest.mark.parametrize(("doomed", "point"), cases, indirect=["doomed"])


def count(database: Database, table: Any, *where: Any) -> int:
    with database.read() as uow:
        row = uow.one(select(func.count().label("number")).select_from(table).where(*where))
    assert row is not None
    return int(row.number)


def accepted(doomed: Doomed) -> int:
    return count(doomed.database, import_rows, import_rows.c.accepted)


# ── import ───────────────────────────────────────────────────────────────────────────────


@at(points.IMPORT)
def test_an_import_that_is_killed_is_finished_by_the_same_command(
    doomed: Doomed, point: Point, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    seed = 100 + points.IMPORT.index(point)
    file.write_bytes(as_csv(residents(ROWS, seed=seed, city="Tallinn", country="EE")))
    before = count(doomed.database, persons), accepted(doomed)
    assert doomed.command(point, "citizens", "import", str(file)) == KILLED
    report = doomed.world.run_json(doomed.server, "citizens", "import", str(file))
    assert (report["accepted"], report["enrolled"]) == (ROWS, ROWS)
    assert not report["refused"]
    assert not report["remarks"]
    again = doomed.world.run_json(doomed.server, "citizens", "import", str(file))
    assert again == report
    after = count(doomed.database, persons), accepted(doomed)
    assert after == (before[0] + ROWS, before[1] + ROWS)
    doomed.verify_audit()


@pytest.mark.slow
@pytest.mark.parametrize("doomed", ["sqlite"], indirect=True)
def test_an_officers_import_goes_on_by_itself_after_the_restart(doomed: Doomed) -> None:
    before = count(doomed.database, persons)
    content = as_csv(residents(ROWS, seed=200, city="Tallinn", country="EE"))
    officer = doomed.world.officer
    doomed.doom(next(p for p in points.IMPORT if p.moment == points.BEFORE_COMMIT))
    officer.get(f"{doomed.server.url}/desk")
    form = officer.form("file")
    doomed.kill_in(
        lambda: [
            officer.submit(form, files={"file": ("p.csv", content)}),
            [officer.get(officer.url) for _ in range(1000)],
        ]
    )
    # The dead process had leased the job for two minutes: let them have passed.
    with doomed.database.write() as uow:
        uow.execute(update(durable_jobs).values(run_at=LONG_AGO))
    upload(officer, doomed.server, content)
    assert count(doomed.database, persons) == before + ROWS
    doomed.verify_audit()


# ── EST ──────────────────────────────────────────────────────────────────────────────────


@at(points.ENROLMENT)
def test_an_enrolment_that_is_killed_gives_one_certificate(doomed: Doomed, point: Point) -> None:
    doomed.doom(point)
    server = doomed.server
    added = doomed.world.run_json(
        server, "devices", "add", "--label", "Lamp", "--owner", "Street Lighting"
    )
    lamp = Device(server.folder, server, added["device_id"])
    (lamp.folder / "ca.pem").write_bytes(httpx.get(f"{server.url}/pki/ca.pem").content)
    request, other = lamp.request(f"{lamp.id}-1"), lamp.request(f"{lamp.id}-2")

    def enrol(csr: bytes = request) -> httpx.Response:
        with lamp.client() as client:
            return client.post(
                "/.well-known/est/simpleenroll",
                content=csr, headers=PKCS10, auth=(lamp.id, added["token"]),
            )  # fmt: skip

    doomed.kill_in(enrol)
    assert count(doomed.database, certificates, certificates.c.state == "recorded") == 0
    mine = certificates.c.holder == lamp.id
    assert count(doomed.database, certificates, mine) == int(point.done)
    first, second = certificate(enrol()), certificate(enrol())
    assert first.serial_number == second.serial_number
    assert enrol(other).status_code in (401, 403)
    with doomed.database.read() as uow:
        rows = uow.all(select(certificates.c.state, certificates.c.serial).where(mine))
    assert [(row.state, int(row.serial, 16)) for row in rows] == [("issued", first.serial_number)]
    doomed.verify_audit()


def certificate(answer: httpx.Response) -> x509.Certificate:
    assert answer.status_code == 200, answer.text
    return pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content))[0]


# ── codes ────────────────────────────────────────────────────────────────────────────────


@at(points.REDEMPTION)
def test_a_code_whose_redemption_is_killed_works_once_or_is_spent(
    doomed: Doomed, point: Point
) -> None:
    browser, _ = doomed.citizen()
    doomed.doom(point)
    kept = doomed.signed_in_to(browser)
    doomed.kill_in(lambda: doomed.service.redeem(kept["code"], kept["verifier"]))
    with doomed.database.read() as uow:
        row = uow.one(select(codes).order_by(codes.c.issued_at.desc()).limit(1))
    assert row is not None
    assert (row.redeemed_at is not None) == point.done
    tokens = doomed.service.redeem(kept["code"], kept["verifier"])
    assert ("access_token" in tokens) != point.done, tokens
    again = doomed.service.redeem(kept["code"], kept["verifier"])
    assert again["error"] == "invalid_grant"
    mine = refresh_tokens.c.grant_id == row.grant_id
    assert count(doomed.database, refresh_tokens, mine) == 1
    # The code came twice: whatever it gave has ended, and the person signs in again.
    assert count(doomed.database, grants, grants.c.id == row.grant_id, grants.c.state == "ended")
    fresh = doomed.signed_in_to(browser)
    assert "access_token" in doomed.service.redeem(fresh["code"], fresh["verifier"])
    doomed.verify_audit()


# ── activation ───────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize("doomed", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("point", points.ACTIVATION, ids=lambda p: p.name)
def test_an_activation_that_is_killed_leaves_a_working_code_or_a_whole_identity(
    doomed: Doomed, point: Point
) -> None:
    code = doomed.code_of_a_letter()
    doomed.doom(point)
    browser = Browser()
    name = f"killed{abs(hash((point.name, doomed.server.url)))}"
    doomed.kill_in(lambda: set_up(doomed.world, browser, doomed.server, code, name))
    fresh = Browser()
    fresh.get(f"{doomed.server.url}/activate")
    fresh.submit(fresh.form("code"), typed={"code": code})
    refused = fresh.response is not None and fresh.response.status_code >= 400
    assert refused == point.done
    if point.done:
        fresh.get(f"{doomed.server.url}/sign-in")
        fresh.submit(fresh.form("name", "password"), typed={"name": name, "password": PASSWORD})
        fresh.get(f"{doomed.server.url}/account")
        assert fresh.url.endswith("/account"), fresh.text
    else:
        set_up(doomed.world, Browser(), doomed.server, code, name)
    doomed.verify_audit()


# ── consent ──────────────────────────────────────────────────────────────────────────────


@at(points.WITHDRAWAL)
def test_a_withdrawal_that_is_killed_happened_wholly_or_not_at_all(
    doomed: Doomed, point: Point
) -> None:
    browser, _ = doomed.citizen()
    doomed.doom(point)
    kept = doomed.signed_in_to(browser)
    doomed.service.begin(browser, "openid profile age residence")  # asks nothing: it was answered
    url = doomed.server.url
    tokens = doomed.service.redeem(kept["code"], kept["verifier"])
    assert doomed.service.introspect(tokens["access_token"])["active"]
    doomed.kill_in(lambda: by_page(browser, url))
    assert doomed.service.introspect(tokens["access_token"])["active"] != point.done
    if not point.done:
        assert doomed.service.userinfo(tokens["access_token"]).status_code == 200
        by_page(browser, url)
    dead_everywhere(doomed.service, Learned(tokens))  # type: ignore[arg-type]
    browser.get(f"{url}/account/consents")
    links = [a for a in browser.links if "/account/consents/con_" in a]
    assert len(set(links)) == 1
    assert browser.client.get(f"{url}{links[0]}/receipt").text.count(".") == 2
    entries = browser.client.get(f"{url}/account/ledger.json").json()["entries"]
    assert [e["kind"] for e in entries].count("consent.withdrawn") == 1
    doomed.verify_audit()


class Learned:
    """What the tour's check of dead tokens looks at."""

    def __init__(self, tokens: dict[str, Any]) -> None:
        self.tokens = tokens
