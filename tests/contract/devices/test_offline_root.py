"""A city whose roots are elsewhere: what it asks of the ceremony, and what it takes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

import device_registry
import pki
from foundation.audit import SYSTEM
from foundation.clock import FrozenClock
from foundation.errors import Unavailable
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction, Settings
from pki import CertificateRefused, Installing, PkiSettings, ceremony, store
from pki.ceremony.papers import RevocationRequest, read_answer
from pki.refusals import CeremonyRefused
from tests.support import deployments
from tests.support.devices import City, csr, new_key, same_city
from tests.support.rewinding import Backup

PEOPLE = ("A. Tamm", "B. Kask")


@pytest.fixture
def offline(any_settings: Settings, clock: FrozenClock) -> Runtime:
    settings = any_settings.with_sections(PkiSettings(root="offline"))
    return deployments.build_runtime(settings, clock)


@pytest.fixture
def city(offline: Runtime) -> City:
    pki.prepare(offline)
    device_registry.prepare(offline)
    return same_city(offline)


class Roots:
    """The box of one city's roots."""

    def __init__(self, city: City, folder: Path, generation: int = 1) -> None:
        self.city, self.folder = city, folder
        jurisdiction = city.runtime.settings.of(Jurisdiction)
        self.begun = ceremony.begin(
            folder, jurisdiction, PEOPLE, 2, "ES384", city.now, generation=generation
        )

    def sign(self) -> bytes:
        asked = Installing(self.city.runtime).requests()
        return ceremony.sign(self.folder, self.begun.words, asked, PEOPLE, self.city.now).answer

    def renew(self) -> bytes:
        return ceremony.renew(self.folder, self.begun.words, "root", PEOPLE, self.city.now).answer

    @property
    def fingerprints(self) -> list[str]:
        return [
            root.authority.certificate.fingerprint(hashes.SHA256()).hex()
            for root in ceremony.Box.read(self.folder).roots
        ]


@pytest.fixture
def roots(city: City, tmp_path: Path) -> Roots:
    return Roots(city, tmp_path / "box")


def install(city: City, answer: bytes, fingerprints: list[str]) -> pki.Installed:
    return Installing(city.runtime).install(answer, fingerprints, city.now)


def test_before_the_ceremony_nobody_gets_a_certificate_and_the_sentence_says_why(
    city: City,
) -> None:
    registered = city.register()
    with pytest.raises(Unavailable) as caught:
        city.enrol(registered, csr(new_key(), registered.device.id))
    assert "civitas ca requests" in (caught.value.next_step or "")


def test_after_the_ceremony_devices_enrol_and_the_roots_keys_were_never_here(
    city: City, roots: Roots
) -> None:
    installed = install(city, roots.sign(), roots.fingerprints)
    assert sorted(installed.roots) == ["root-1", "root-mldsa-1"]
    assert len(installed.authorities) == 5
    _, _, certificate = same_city(city.runtime).enrolled()
    chain = same_city(city.runtime).authority.hierarchy
    issuer = next(a for a in chain.named("devices"))
    certificate.verify_directly_issued_by(issuer.certificate)
    assert not city.runtime.keys.signers("ca-root")
    assert city.runtime.audit.tree.verify().ok


def test_a_repeat_changes_nothing(city: City, roots: Roots) -> None:
    answer = roots.sign()
    install(city, answer, roots.fingerprints)
    again = install(city, answer, [])
    assert (again.roots, again.authorities, again.crosses, again.lists) == ([], [], 0, [])


def test_a_new_root_is_taken_only_by_its_fingerprint(city: City, roots: Roots) -> None:
    answer = roots.sign()
    with pytest.raises(CeremonyRefused, match="new here"):
        install(city, answer, roots.fingerprints[:1])
    assert same_city(city.runtime).authority.hierarchy.all() == (), "whole, or not at all"


def test_an_answer_for_another_citys_keys_is_refused(
    city: City, roots: Roots, tmp_path: Path, clock: FrozenClock
) -> None:
    install(city, roots.sign(), roots.fingerprints)
    stranger = ceremony.rehearsal._requests()
    jurisdiction = city.runtime.settings.of(Jurisdiction)
    asked = ceremony.Requests(
        jurisdiction.name, jurisdiction.country, stranger.status, stranger.requests
    )
    with pytest.raises(CeremonyRefused):
        ceremony.sign(roots.folder, roots.begun.words, asked, PEOPLE, city.now)


def test_an_answer_that_was_changed_is_refused(city: City, roots: Roots) -> None:
    certificates, _ = read_answer(roots.sign())
    below = next(c for c in certificates if c.subject != c.issuer)
    der = bytearray(below.public_bytes(Encoding.DER))
    der[-5] ^= 1
    changed = x509.load_der_x509_certificate(bytes(der)).public_bytes(Encoding.PEM)
    anchors = b"".join(c.public_bytes(Encoding.PEM) for c in certificates if c.subject == c.issuer)
    with pytest.raises(CeremonyRefused, match="not signed by"):
        install(city, anchors + changed, roots.fingerprints)


def test_the_root_is_renewed_without_its_key_ever_being_here(
    city: City, roots: Roots, clock: FrozenClock
) -> None:
    install(city, roots.sign(), roots.fingerprints)
    _, _, before = same_city(city.runtime).enrolled()
    clock.advance(timedelta(days=30))
    installed = install(city, roots.renew(), roots.fingerprints)
    assert (installed.roots, installed.crosses) == (["root-2"], 2)
    later = same_city(city.runtime)
    later.authority.validate_client(before, later.now)
    assert len(later.authority.hierarchy.roots()) == 3
    crosses = later.authority.hierarchy.cross_certificates()
    assert len(crosses) == 2
    assert set(crosses) <= set(later.authority.authorities())


@pytest.mark.parametrize("rolled_over_before", [False, True])
def test_the_successor_of_a_compromised_authority_signs_when_it_comes(
    city: City, roots: Roots, clock: FrozenClock, rolled_over_before: bool
) -> None:
    install(city, roots.sign(), roots.fingerprints)
    lost = 1
    if rolled_over_before:
        clock.advance(timedelta(seconds=2))
        pki.Rollover(city.runtime).begin("devices", city.now)
        clock.advance(timedelta(seconds=2))
        install(city, roots.sign(), roots.fingerprints)
        clock.advance(timedelta(days=60))
        lost = 2
    found = same_city(city.runtime).authority.compromise()
    declared = found.declare(f"devices-{lost}", timedelta(days=14), city.now)
    assert declared.successor is None, "its root is elsewhere"
    clock.advance(timedelta(seconds=2))
    install(city, roots.sign(), roots.fingerprints)
    signing, _ = same_city(city.runtime).authority.hierarchy.signing("devices")
    assert signing.slug == f"devices-{lost + 1}"


def test_a_rollover_that_waits_for_its_ceremony_is_the_successor(
    city: City, roots: Roots, clock: FrozenClock
) -> None:
    install(city, roots.sign(), roots.fingerprints)
    clock.advance(timedelta(seconds=2))
    pki.Rollover(city.runtime).begin("devices", city.now)
    clock.advance(timedelta(seconds=2))
    same_city(city.runtime).authority.compromise().declare(
        "devices-1", timedelta(days=14), city.now
    )
    clock.advance(timedelta(seconds=2))
    (asked,) = Installing(city.runtime).requests().requests
    assert (asked.authority, asked.generation) == ("devices", 2)
    install(city, roots.sign(), roots.fingerprints)
    signing, _ = same_city(city.runtime).authority.hierarchy.signing("devices")
    assert signing.slug == "devices-2"


def test_what_the_root_revoked_of_its_own_accord_is_revoked_here_too(
    city: City, roots: Roots, clock: FrozenClock
) -> None:
    install(city, roots.sign(), roots.fingerprints)
    clock.advance(timedelta(seconds=2))
    (devices,) = same_city(city.runtime).authority.hierarchy.named("devices")
    number = f"{devices.certificate.serial_number:x}"
    asked = replace(
        Installing(city.runtime).requests(),
        revoke=(RevocationRequest("root-1", number, "superseded", city.now.isoformat()),),
    )
    answer = ceremony.sign(roots.folder, roots.begun.words, asked, PEOPLE, city.now).answer
    for _ in range(2):
        install(city, answer, roots.fingerprints)
    clock.advance(timedelta(seconds=2))
    with city.runtime.database.read() as uow:
        row = store.by_serial(uow, number)
    assert row is not None
    assert (row.revocation_reason, row.revoked_at is not None) == ("superseded", True)
    assert city.events().count("certificate.revoked") == 1
    with pytest.raises(Unavailable):
        same_city(city.runtime).authority.hierarchy.signing("devices")


def test_a_box_that_follows_a_lost_one_needs_the_next_number(
    city: City, roots: Roots, tmp_path: Path
) -> None:
    install(city, roots.sign(), roots.fingerprints)
    same = Roots(city, tmp_path / "same")
    with pytest.raises(CeremonyRefused, match="already"):
        install(city, same.sign(), same.fingerprints)
    following = Roots(city, tmp_path / "next", generation=2)
    installed = install(city, following.sign(), following.fingerprints)
    assert sorted(installed.roots) == ["root-2", "root-mldsa-2"]


def test_when_a_root_is_lost_the_ceremony_certifies_everybody_anew(
    city: City, roots: Roots, clock: FrozenClock, tmp_path: Path
) -> None:
    install(city, roots.sign(), roots.fingerprints)
    town = same_city(city.runtime)
    _, _, certificate = town.enrolled()
    second = Roots(town, tmp_path / "second box", generation=2)
    install(town, second.sign(), second.fingerprints)
    declaring = town.authority.compromise()
    assert declaring.declare("root-1", timedelta(days=14), city.now).successor is None
    clock.advance(timedelta(seconds=2))
    with pytest.raises(CertificateRefused):
        town.authority.validate_client(certificate, city.now)
    asked = Installing(city.runtime).requests()
    assert {one.authority for one in asked.requests} >= {"devices", "services"}
    install(city, second.sign(), [])
    clock.advance(timedelta(seconds=2))
    valid = town.authority.validate_renewal(certificate, city.now)
    body = csr(new_key(), valid.holder)
    renewed = town.pki.renew(pki.Caller(certificate=valid, address="192.0.2.1"), body, city.now)
    town.authority.validate_client(x509.load_der_x509_certificate(renewed.der), city.now)
    issuer = town.authority.hierarchy.signing("devices")[0]
    assert issuer.slug == "devices-2"
    assert issuer.issuer_kid == town.authority.hierarchy.named("root")[-1].kid


def test_after_a_restore_the_roots_list_is_told_again_when_it_was_shown_again(
    city: City, roots: Roots, clock: FrozenClock
) -> None:
    def root_list() -> bytes:
        return same_city(city.runtime).authority.lists.whole("root-1", city.now).der

    install(city, roots.sign(), roots.fingerprints)
    older = root_list()
    backup = Backup(city.runtime)
    clock.advance(timedelta(days=200))
    answer = roots.renew()
    install(city, answer, roots.fingerprints)
    newest = root_list()
    assert newest != older
    for show in (
        lambda: install(city, answer, roots.fingerprints),
        lambda: again(city, newest),
    ):
        backup.restore(person_keys=True)
        with pytest.raises(Unavailable) as caught:
            root_list()
        assert "civitas ca install" in (caught.value.next_step or "")
        show()
        assert root_list() == newest
        attention = same_city(city.runtime).authority.outlook.attention(city.now)
        assert not [a for a in attention if a.authority == "root-1" and "--from" in a.next_step]


def again(city: City, content: bytes) -> None:
    revoking = same_city(city.runtime).authority.revoking_again
    revoking.apply(revoking.read([("list", content)]), SYSTEM, city.runtime.clock)
