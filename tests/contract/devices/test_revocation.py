"""Revocation, and what relying parties are told, on either database and among processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from sqlalchemy import select, text

from foundation.audit import SYSTEM
from foundation.clock import FrozenClock
from foundation.errors import BadRequest, Conflict, NotFound, Unavailable
from foundation.runtime import Runtime
from pki import DELTA, Selection
from pki.status import store
from pki.tables import banned_keys, certificates
from tests.support.devices import City, found_city, same_city
from tests.support.status import asking, beside, issue, issued, issuer_of, release, revoke, serial

THREADS = 6


@pytest.fixture
def city(any_runtime: Runtime) -> City:
    return found_city(any_runtime)


def partition_of(city: City, certificate: x509.Certificate) -> int:
    return certificate.serial_number % issuer_of(city, certificate).partitions


def listed(city: City, certificate: x509.Certificate, kind: str = "complete") -> bool:
    partition = partition_of(city, certificate)
    made = city.authority.lists.part("devices-1", partition, kind, city.now)
    found = x509.load_der_x509_crl(made.der)
    return found.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None


def good(city: City, certificate: x509.Certificate) -> bool:
    body = asking(certificate, issuer_of(city, certificate).certificate)
    answer = ocsp.load_der_ocsp_response(city.authority.responding.answer(body, city.now).der)
    return answer.certificate_status is ocsp.OCSPCertStatus.GOOD


@pytest.mark.row("devices", "revocation")
def test_another_process_tells_of_a_revocation_at_once_by_list_delta_and_answer(
    city: City,
) -> None:
    certificate, other = issue(city, "lamp"), same_city(city.runtime)
    assert (listed(other, certificate), good(other, certificate)) == (False, True)
    revoke(city, certificate, "certificateHold")
    assert listed(other, certificate)
    assert listed(other, certificate, DELTA)
    assert not good(other, certificate)
    release(city, certificate)
    assert (listed(other, certificate), good(other, certificate)) == (False, True)


def test_a_change_that_is_committed_late_is_told_all_the_same(
    city: City, clock: FrozenClock
) -> None:
    """A long unit of work commits after a younger one, and after a list was made."""
    slow = issue(city, "slow")
    began = city.now
    clock.advance(timedelta(seconds=30))
    revoke(city, beside(city, slow, "fast"))
    assert not listed(city, slow)
    clock.advance(timedelta(seconds=30))
    with city.runtime.database.write() as uow:
        city.authority.revoke(uow, serial(slow), "superseded", began)
    assert listed(city, slow)
    assert listed(city, slow, DELTA)


def test_threads_and_processes_that_make_a_list_at_once_never_give_one_number_two_contents(
    city: City,
) -> None:
    certificate = issue(city, "lamp")
    cities = [city, same_city(city.runtime)]
    partition = partition_of(city, certificate)
    seen: dict[int, set[bytes]] = {}
    for turn in range(3):
        revoke(city, beside(city, certificate, f"turn{turn}"))
        with ThreadPoolExecutor(THREADS) as pool:
            made = pool.map(
                lambda n: cities[n % 2].authority.lists.part(
                    "devices-1", partition, "complete", city.now
                ),
                range(THREADS),
            )
            for one in made:
                seen.setdefault(one.number, set()).add(one.der)
    assert [len(contents) for contents in seen.values()] == [1] * len(seen)
    assert len(seen) >= 3


def test_revoking_at_once_succeeds_once(city: City) -> None:
    certificate = issue(city, "lamp")
    with ThreadPoolExecutor(THREADS) as pool:
        done = list(pool.map(lambda _: revoke(city, certificate), range(THREADS)))
    assert done.count(True) == 1


# ── the many ──────────────────────────────────────────────────────────────────────────────


def test_thousands_are_revoked_in_batches_and_an_interrupted_run_goes_on(city: City) -> None:
    for n in range(450):
        issue(city, f"lamp{n}", holder="dev_many")
    spared = issue(city, "spared", holder="dev_other")
    ca, wanted = city.authority.mass_revocation, Selection(holder="dev_many")
    assert len(list(ca.select(wanted, "superseded", city.now))) == 450

    class Interrupted(Exception):
        pass

    def stop(done: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        ca.revoke(wanted, "superseded", SYSTEM, city.runtime.clock, stop)
    assert len(list(ca.select(wanted, "superseded", city.now))) == 250
    seen: list[int] = []
    assert ca.revoke(wanted, "superseded", SYSTEM, city.runtime.clock, seen.append) == 250
    assert seen == [200, 250]
    assert ca.revoke(wanted, "superseded", SYSTEM, city.runtime.clock) == 0
    assert city.events().count("certificates.revoked") == 3
    assert good(city, spared)


def test_criteria_narrow_each_other_and_serials_are_read_as_programs_write_them(
    city: City,
) -> None:
    lamp, server = issue(city, "lamp", holder="h"), issue(city, "srv", "server", holder="h")
    ca = city.authority.mass_revocation

    def found(**wanted: object) -> set[str]:
        return {s.serial for s in ca.select(Selection(**wanted), "superseded", city.now)}  # type: ignore[arg-type]

    assert found(holder="h") == {serial(lamp), serial(server)}
    assert found(holder="h", profile="device") == {serial(lamp)}
    # That authority certifies the time stamps as well.
    assert found(authority="services-1", holder="h") == {serial(server)}
    assert serial(server) in found(authority="services-1")
    text_form = lamp.serial_number.to_bytes(20, "big").hex(":").upper()
    assert found(serials=(text_form, "0xABCDEF")) == {serial(lamp)}
    for wrong in ({}, {"serials": ("lamp",)}):
        with pytest.raises(BadRequest):
            found(**wrong)
    with pytest.raises(NotFound):
        found(authority="devices-9")
    with pytest.raises(BadRequest):
        list(ca.select(Selection(holder="h"), "boredom", city.now))


def test_an_authority_is_not_revoked_among_the_many(city: City) -> None:
    devices = city.authority.hierarchy.named("devices")[0].certificate
    ca = city.authority.mass_revocation
    for wanted in (
        Selection(serials=(serial(devices),)),
        Selection(profile="issuing"),
        Selection(profile="root"),
        Selection(authority="root-1"),
        Selection(holder="authority:devices-1"),
    ):
        with pytest.raises(Conflict) as caught:
            ca.revoke(wanted, "superseded", SYSTEM, city.runtime.clock)
        assert "civitas ca compromise" in (caught.value.next_step or "")
    issue(city, "lamp")


def test_an_authority_that_is_revoked_on_record_issues_nothing_more(
    city: City, clock: FrozenClock
) -> None:
    revoke(city, city.authority.hierarchy.named("devices")[0].certificate, "superseded")
    clock.advance(timedelta(seconds=2))
    with pytest.raises(Unavailable):
        issue(city, "lamp")
    issue(city, "srv", "server")
    city.authority.compromise().declare("devices-1", timedelta(days=1), city.now)
    clock.advance(timedelta(seconds=2))
    assert "G2" in issue(city, "lamp").issuer.rfc4514_string()


def test_many_come_off_their_hold_together(city: City) -> None:
    held = [issue(city, f"lamp{n}", holder="h") for n in range(3)]
    ca, wanted = city.authority.mass_revocation, Selection(holder="h")
    assert ca.revoke(wanted, "certificateHold", SYSTEM, city.runtime.clock) == 3
    revoke(city, held[0], "keyCompromise")
    assert ca.revoke(wanted, "removeFromCRL", SYSTEM, city.runtime.clock) == 2
    assert [good(city, one) for one in held] == [False, True, True]


def test_a_compromised_key_is_banned_and_others_are_not(city: City) -> None:
    lost, old = issued(city, "lost"), issued(city, "old")
    with city.runtime.database.write() as uow:
        city.authority.revoke(uow, old.serial, "superseded", city.now)
        city.authority.revoke(uow, lost.serial, "keyCompromise", city.now)
        assert not city.authority.revoke(uow, lost.serial, "keyCompromise", city.now)
    with city.runtime.database.read() as uow:
        (row,) = uow.all(select(banned_keys))
    assert (row.public_key, row.reason, row.since) == (lost.public_key, "keyCompromise", city.now)


# ── as dear among a million as among ten thousand ─────────────────────────────────────────


def plan(city: City, statement: object) -> str:
    """How the database would go about it, with nothing but an index at hand if there is one."""
    database = city.runtime.database
    compiled = statement.compile(  # type: ignore[attr-defined]
        dialect=database.engine.dialect, compile_kwargs={"literal_binds": True}
    )
    with database.write() as uow:
        if database.dialect == "sqlite":
            rows = uow.execute(text(f"EXPLAIN QUERY PLAN {compiled}")).all()
        else:
            uow.execute(text("SET LOCAL enable_seqscan = off"))
            rows = uow.execute(text(f"EXPLAIN {compiled}")).all()
    return " ".join(str(row) for row in rows)


def test_no_revocation_list_delta_or_answer_walks_through_all_certificates(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foundation.database import UnitOfWork

    certificate = issue(city, "lamp")
    asked: list[object] = []
    execute = UnitOfWork.execute

    def noting(uow: UnitOfWork, statement: object, parameters: object = None) -> object:
        asked.append(statement.params(parameters) if parameters else statement)  # type: ignore[attr-defined]
        return execute(uow, statement, parameters)  # type: ignore[arg-type]

    with monkeypatch.context() as noted:
        noted.setattr(UnitOfWork, "execute", noting)
        with city.runtime.database.write() as uow:
            store.revoke(uow, [serial(certificate)], "superseded", city.now)
        with city.runtime.database.read() as uow:
            store.status(uow, serial(certificate))
            store.entries(uow, "kid", 3, city.now)
            store.changes(uow, "kid", 3, city.now, city.now)
            store.reflected(uow, "kid", 3, city.now)
    assert len(asked) == 5
    for statement in asked:
        said = plan(city, statement)
        assert "SCAN pki_certificates" not in said, said
        assert "Seq Scan" not in said, said
        assert "ix_pki_certificates_changed" in said or "pki_certificates" in said, said
    assert certificates.c.status_changed_at.type is not None
