"""After an older database was restored: lists, answers and tokens take nothing back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from sqlalchemy import select

from foundation.audit import SYSTEM
from foundation.clock import FrozenClock
from foundation.errors import BadRequest
from foundation.runtime import Runtime
from pki import COMPLETE, DELTA, Again, EnrolmentUnauthorized, revocation_list_pem
from pki.status.encoding import Frame, revocation_list
from pki.tables import banned_keys
from tests.support.devices import City, csr, found_city, new_key, same_city
from tests.support.rewinding import Backup
from tests.support.status import asking, beside, issue, issuer_of, release, revoke, serial

LATER = timedelta(hours=2)


@pytest.fixture
def city(any_runtime: Runtime) -> City:
    return found_city(any_runtime)


def partition_of(city: City, certificate: x509.Certificate) -> int:
    return certificate.serial_number % issuer_of(city, certificate).partitions


def published(city: City, certificate: x509.Certificate, kind: str = COMPLETE) -> bytes:
    partition = partition_of(city, certificate)
    return city.authority.lists.part("devices-1", partition, kind, city.now).der


def number(der: bytes) -> int:
    found = x509.load_der_x509_crl(der)
    return int(found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)


def told(der: bytes, certificate: x509.Certificate) -> tuple[str, Any] | None:
    """Reason and date of its entry; None without one."""
    found = x509.load_der_x509_crl(der)
    entry = found.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is None:
        return None
    reasons = [str(one.value.reason.value) for one in entry.extensions]  # type: ignore[attr-defined]
    return (reasons or ["-"])[0], entry.revocation_date_utc


def answer(city: City, certificate: x509.Certificate) -> ocsp.OCSPCertStatus:
    body = asking(certificate, issuer_of(city, certificate).certificate)
    found = ocsp.load_der_ocsp_response(city.authority.responding.answer(body, city.now).der)
    return found.certificate_status


def again(city: City, *lists: bytes, dry_run: bool = False) -> Again:
    files = [(f"list {i}", content) for i, content in enumerate(lists)]
    found = city.authority.revoking_again.read(files)
    done = city.authority.revoking_again
    return done.apply(found, SYSTEM, city.runtime.clock, dry_run=dry_run)


def restored(backup: Backup, *, person_keys: bool = True) -> City:
    """The city as another process finds it after the restoration."""
    backup.restore(person_keys=person_keys)
    return same_city(backup.runtime)


@pytest.mark.row("devices", "revocation")
@pytest.mark.rfc("5280", "5.2.3")
def test_after_a_restore_no_number_of_a_list_comes_again_and_no_older_list_is_told(
    city: City, clock: FrozenClock
) -> None:
    lamp = issue(city, "lamp")
    published(city, lamp)
    clock.advance(timedelta(minutes=1))
    backup = Backup(city.runtime)
    other = beside(city, lamp, "other")
    for held in (True, False, True, False):  # more lists than the clock has seconds
        revoke(city, other, "certificateHold") if held else release(city, other)
        highest = number(published(city, lamp))
    new = restored(backup)
    first = published(new, lamp)
    assert number(first) > highest
    assert number(published(new, lamp, DELTA)) == number(first)
    delta = x509.load_der_x509_crl(published(new, lamp, DELTA))
    base = delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number
    assert base == number(first), "a delta continues a list that was published"


@pytest.mark.rfc("5280", "5.2.3")
def test_numbers_go_on_beyond_what_a_clock_that_was_ahead_may_have_published(
    city: City, clock: FrozenClock
) -> None:
    lamp = issue(city, "lamp")
    clock.advance(timedelta(days=60))
    highest = number(published(city, lamp))
    backup = Backup(city.runtime)
    clock.advance(-timedelta(days=60))
    assert number(published(city, lamp)) > highest
    highest = number(published(city, lamp))
    clock.advance(LATER)
    assert number(published(restored(backup), lamp)) > highest


@pytest.mark.rfc("5280", "5.3.1")
@pytest.mark.parametrize("encode", [bytes, revocation_list_pem], ids=["DER", "PEM"])
def test_what_the_last_list_revoked_is_revoked_again_with_its_reason_and_date(
    city: City, clock: FrozenClock, encode: Any
) -> None:
    _, _, lamp = city.enrolled()
    backup = Backup(city.runtime)
    clock.advance(LATER)
    revoke(city, lamp, "keyCompromise")
    last = published(city, lamp)
    at = told(last, lamp)
    new = restored(backup)
    assert answer(new, lamp) is ocsp.OCSPCertStatus.GOOD
    clock.advance(LATER)
    done = again(new, encode(last))
    counted = done.counted["devices-1"]
    assert (counted.named, counted.revoked, counted.already) == (1, 1, 0)
    assert told(published(new, lamp), lamp) == at
    assert at is not None
    assert at[0] == "keyCompromise"
    assert number(published(new, lamp)) > number(last)
    assert answer(new, lamp) is ocsp.OCSPCertStatus.REVOKED
    with new.runtime.database.read() as uow:
        assert len(uow.all(select(banned_keys))) == 1, "its key gets no certificate again"
    assert again(new, last).counted["devices-1"].already == 1
    assert new.events().count("certificates.revoked-again") == 1


@pytest.mark.row("devices", "revocation")
def test_a_serial_of_after_the_backup_is_told_revoked_though_nothing_else_is_known_of_it(
    city: City, clock: FrozenClock
) -> None:
    lamp = issue(city, "lamp")
    backup = Backup(city.runtime)
    lost = beside(city, lamp, "lost")
    clock.advance(LATER)
    revoke(city, lost, "keyCompromise")
    last = published(city, lamp)
    new = restored(backup)
    planned = again(new, last, dry_run=True).counted["devices-1"]
    assert (planned.unknown, planned.key_unknown) == (1, 1)
    assert told(published(new, lamp), lost) is None, "a look changes nothing"
    assert again(new, last).counted["devices-1"].unknown == 1
    assert told(published(new, lamp), lost) == told(last, lost)
    assert told(published(new, lamp, DELTA), lost) == told(last, lost)
    assert answer(new, lost) is ocsp.OCSPCertStatus.REVOKED
    assert answer(new, lamp) is ocsp.OCSPCertStatus.GOOD
    clock.advance(timedelta(days=400))  # nobody knows when its certificate ends
    assert told(published(same_city(new.runtime), lamp), lost) == told(last, lost)


def test_of_two_serials_that_nothing_is_known_of_each_stands_for_itself(
    city: City, clock: FrozenClock
) -> None:
    lamp = issue(city, "lamp")
    backup = Backup(city.runtime)
    lost, other = beside(city, lamp, "lost"), beside(city, lamp, "other")
    for certificate in (lost, other):
        revoke(city, certificate, "certificateHold")
    last = published(city, lamp)
    new = restored(backup)
    again(new, last)
    assert revoke(new, lost, "keyCompromise")
    assert (told(published(new, lamp), other) or [""])[0] == "certificateHold"
    assert release(new, other)
    assert answer(new, other) is ocsp.OCSPCertStatus.GOOD


@pytest.mark.rfc("5280", "5.2.4")
def test_a_list_with_its_delta_puts_on_hold_and_takes_off_it_as_the_last_of_them_says(
    city: City, clock: FrozenClock
) -> None:
    first = issue(city, "first")
    second, third, fourth = (beside(city, first, n) for n in ("second", "third", "fourth"))
    revoke(city, second, "certificateHold")
    backup = Backup(city.runtime)
    clock.advance(LATER)
    revoke(city, first, "certificateHold")
    revoke(city, third, "certificateHold")
    lost = beside(city, first, "lost")
    revoke(city, lost, "certificateHold")
    complete = published(city, first)
    clock.advance(timedelta(minutes=20))
    release(city, second)
    release(city, third)
    release(city, lost)
    revoke(city, fourth, "superseded")
    delta = published(city, first, DELTA)
    new = restored(backup)
    counted = again(new, delta, complete).counted["devices-1"]  # in whichever order
    assert (counted.on_hold, counted.revoked, counted.released) == (1, 1, 1)
    assert (counted.unknown, counted.unknown_good) == (0, 1)
    now = published(new, first)
    assert [(told(now, c) or [""])[0] for c in (first, second, third, fourth, lost)] == [
        "certificateHold", "", "", "superseded", "",
    ]  # fmt: skip
    assert release(new, first), "a hold can be taken back as before"


def test_an_older_list_takes_nothing_back_that_the_record_knows_better(
    city: City, clock: FrozenClock
) -> None:
    lamp = issue(city, "lamp")
    revoke(city, lamp, "certificateHold")
    old = published(city, lamp)
    clock.advance(LATER)
    release(city, lamp)
    assert again(city, old).counted["devices-1"].already == 1
    assert answer(city, lamp) is ocsp.OCSPCertStatus.GOOD


def test_what_is_on_hold_in_the_backup_and_in_no_newer_list_is_named(
    city: City, clock: FrozenClock
) -> None:
    lamp = issue(city, "lamp")
    revoke(city, lamp, "certificateHold")
    backup = Backup(city.runtime)
    clock.advance(LATER)
    release(city, lamp)
    last = published(city, lamp)
    done = again(restored(backup), last)
    assert done.counted["devices-1"].held == [serial(lamp)]


@pytest.mark.parametrize("reason", ["superseded", "certificateHold"])
def test_a_row_that_the_person_keys_know_as_older_gets_the_lists_reason_too(
    city: City, clock: FrozenClock, reason: str
) -> None:
    lamp = issue(city, "lamp")
    backup = Backup(city.runtime)
    clock.advance(LATER)
    revoke(city, lamp, reason)
    last = published(city, lamp)
    clock.advance(LATER)
    new = restored(backup, person_keys=False)
    assert answer(new, lamp) is ocsp.OCSPCertStatus.UNKNOWN
    again(new, last)
    assert told(published(new, lamp), lamp) == told(last, lamp)
    assert answer(new, lamp) is ocsp.OCSPCertStatus.REVOKED


def test_the_list_of_all_that_an_authority_issued_needs_no_other(
    city: City, clock: FrozenClock
) -> None:
    lamps = [issue(city, f"lamp{n}") for n in range(4)]
    backup = Backup(city.runtime)
    clock.advance(LATER)
    for lamp in lamps[:3]:
        revoke(city, lamp)
    whole = city.authority.lists.whole("devices-1", city.now).der
    part = published(city, lamps[0])
    new = restored(backup)
    missing = again(new, part, dry_run=True).missing
    assert missing
    assert f"devices-1/{partition_of(new, lamps[0])}" not in missing
    done = again(new, whole)
    assert done.counted["devices-1"].revoked == 3
    assert not [place for place in done.missing if place.startswith("devices-1")]


def test_a_published_number_is_surpassed_whoever_counted_it(city: City, clock: FrozenClock) -> None:
    lamp = issue(city, "lamp")
    backup = Backup(city.runtime)
    clock.advance(timedelta(days=3000))  # a clock that was wrong
    revoke(city, lamp)
    last = published(city, lamp)
    clock.advance(-timedelta(days=3000))
    new = restored(backup)
    published(new, lamp)
    again(new, last)
    assert number(published(new, lamp)) > number(last)
    assert number(published(new, issue(new, "another"))) > number(last), "in every partition"


def foreign(city: City, name: str) -> bytes:
    """A list under our authority's name that its key did not sign."""
    issuer = issuer_of(city, issue(city, name)).certificate
    frame = Frame(issuer, 7, city.now, city.now + LATER)
    return revocation_list(
        frame, [("01", 0, "superseded")], ec.generate_private_key(ec.SECP256R1())
    )


def altered(city: City, name: str) -> bytes:
    lamp = issue(city, name)
    revoke(city, lamp)
    made = published(city, lamp)
    return made.replace(bytes.fromhex(f"{lamp.serial_number:040x}"), bytes(19) + b"\x07")


def nonsense(city: City, name: str) -> bytes:
    return b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"


def a_certificate(city: City, name: str) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return issue(city, name).public_bytes(Encoding.PEM)


@pytest.mark.parametrize("make", [foreign, altered, nonsense, a_certificate])
def test_a_list_that_none_of_our_authorities_signed_changes_nothing(city: City, make: Any) -> None:
    lamp = issue(city, "lamp")
    good = published(city, lamp)
    with pytest.raises(BadRequest) as caught:
        city.authority.revoking_again.read([("good", good), ("bad", make(city, "bad"))])
    assert caught.value.where == "bad"
    assert answer(city, lamp) is ocsp.OCSPCertStatus.GOOD


def test_a_token_that_may_have_been_spent_since_works_for_no_other_key(
    city: City, clock: FrozenClock
) -> None:
    spent, begun = city.register(), city.register()
    key = new_key()
    city.enrol(begun, csr(key, begun.device.id))
    backup = Backup(city.runtime)
    city.enrol(spent, csr(new_key(), spent.device.id))
    clock.advance(timedelta(minutes=1))
    new = restored(backup)
    with pytest.raises(EnrolmentUnauthorized):
        new.enrol(spent, csr(new_key(), spent.device.id))
    assert new.enrol(begun, csr(key, begun.device.id)), "one that was bound is its key's"


def test_the_board_reminds_of_the_last_lists_until_they_were_shown(
    city: City, clock: FrozenClock
) -> None:
    lamp = issue(city, "lamp")
    published(city, lamp)
    backup = Backup(city.runtime)
    clock.advance(LATER)
    last = published(city, lamp)
    new = restored(backup)

    def reminders() -> Sequence[str]:
        found = new.authority.outlook.attention(new.now)
        return [a.authority for a in found if "--from-list" in a.next_step]

    assert reminders() == ["devices-1"]
    again(new, last)
    assert not reminders()
