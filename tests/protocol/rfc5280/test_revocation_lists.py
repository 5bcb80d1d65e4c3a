"""Revocation lists as relying parties fetch them — RFC 5280 §5."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

from foundation.clock import FrozenClock
from foundation.runtime import Runtime
from pki import PkiSettings
from tests.support import deployments
from tests.support.devices import Town, build_town, found_city
from tests.support.status import (
    DER,
    beside,
    fetch_list,
    issue,
    issuer_of,
    place_of,
    release,
    revoke,
    serial,
)


def extension(found: x509.CertificateRevocationList, kind: type[Any]) -> Any:
    return found.extensions.get_extension_for_class(kind).value


def number(found: x509.CertificateRevocationList) -> int:
    return int(extension(found, x509.CRLNumber).crl_number)


def reason(found: x509.CertificateRevocationList, certificate: x509.Certificate) -> str | None:
    """The reason of its entry; "-" for an entry without one, None without an entry."""
    entry = found.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is None:
        return None
    for one in entry.extensions:
        return str(one.value.reason.value)  # type: ignore[attr-defined]
    return "-"


def delta_path(path: str) -> str:
    return path.removesuffix(".crl") + "-delta.crl"


@pytest.mark.rfc("5280", "5.2.5")
def test_a_certificate_is_found_in_the_very_list_that_it_names(town: Town) -> None:
    certificate = issue(town.city, "lamp")
    assert revoke(town.city, certificate)
    found = fetch_list(town, place_of(certificate))
    said = found.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    assert said.critical
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert said.value.full_name == points[0].full_name
    assert reason(found, certificate) == "superseded"
    issuer = issuer_of(town.city, certificate)
    assert found.is_signature_valid(issuer.certificate.public_key())  # type: ignore[arg-type]
    assert found.issuer == issuer.certificate.subject


@pytest.mark.rfc("5280", "5.2.1")
@pytest.mark.rfc("5280", "5.2.3")
@pytest.mark.rfc("5280", "5.2.6")
def test_a_list_says_who_signed_it_its_number_and_where_its_delta_is(town: Town) -> None:
    certificate = issue(town.city, "lamp")
    found = fetch_list(town, place_of(certificate))
    issuer = issuer_of(town.city, certificate)
    key = extension(found, x509.AuthorityKeyIdentifier)
    assert key.key_identifier == issuer.subject_key_identifier
    fresher = extension(found, x509.FreshestCRL)[0].full_name[0].value
    assert fresher.endswith(delta_path(place_of(certificate)))
    assert not found.extensions.get_extension_for_class(x509.CRLNumber).critical
    assert {e.oid for e in found.extensions if e.critical} == {x509.IssuingDistributionPoint.oid}


@pytest.mark.rfc("5280", "5.2.4")
def test_a_delta_tells_what_changed_since_its_base_under_the_number_of_its_complete_list(
    town: Town, clock: FrozenClock
) -> None:
    early = issue(town.city, "early")
    late = beside(town.city, early, "late")
    revoke(town.city, early)
    clock.advance(timedelta(hours=1))
    path = place_of(early)
    base = fetch_list(town, path)
    clock.advance(timedelta(hours=3))
    revoke(town.city, late)
    complete, delta = fetch_list(town, path), fetch_list(town, delta_path(path))
    said = delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator)
    assert said.critical
    assert said.value.crl_number == number(base) < number(delta) == number(complete)
    point = x509.IssuingDistributionPoint
    assert extension(delta, point) == extension(complete, point)
    assert (reason(delta, early), reason(delta, late)) == (None, "superseded")
    assert (reason(complete, early), reason(complete, late)) == ("superseded",) * 2
    with pytest.raises(x509.ExtensionNotFound):
        extension(delta, x509.FreshestCRL)


@pytest.mark.rfc("5280", "5.1.2.4")
def test_a_list_begins_a_little_ago_for_late_clocks_yet_not_before_what_is_in_it(
    town: Town, clock: FrozenClock
) -> None:
    certificate = issue(town.city, "lamp")
    path = place_of(certificate)
    late = timedelta(minutes=5)
    assert fetch_list(town, path).last_update_utc == town.city.now - late
    clock.advance(timedelta(hours=1))
    revoke(town.city, certificate)
    at = town.city.now
    clock.advance(timedelta(minutes=1))
    complete, delta = fetch_list(town, path), fetch_list(town, delta_path(path))
    assert complete.last_update_utc == delta.last_update_utc == at
    clock.advance(timedelta(hours=12))
    assert fetch_list(town, path).last_update_utc == town.city.now - late


@pytest.mark.rfc("5280", "5.3.1")
def test_a_certificate_off_its_hold_leaves_the_list_and_the_delta_says_so(
    town: Town, clock: FrozenClock
) -> None:
    certificate = issue(town.city, "lamp")
    path = place_of(certificate)
    fetch_list(town, path)
    assert revoke(town.city, certificate, "certificateHold")
    assert reason(fetch_list(town, path), certificate) == "certificateHold"
    clock.advance(timedelta(minutes=1))
    assert release(town.city, certificate)
    assert not release(town.city, certificate)
    assert reason(fetch_list(town, path), certificate) is None
    assert reason(fetch_list(town, delta_path(path)), certificate) == "removeFromCRL"


def test_hold_and_release_within_one_instant_are_both_seen(town: Town) -> None:
    certificate = issue(town.city, "lamp")
    path = place_of(certificate)
    seen = []
    for act in (revoke, release, revoke):
        done = (
            act(town.city, certificate, "certificateHold")
            if act is revoke
            else act(town.city, certificate)
        )
        assert done
        seen.append(reason(fetch_list(town, path), certificate))
    assert seen == ["certificateHold", None, "certificateHold"]
    assert revoke(town.city, certificate, "keyCompromise")
    assert reason(fetch_list(town, path), certificate) == "keyCompromise"
    assert not release(town.city, certificate)


@pytest.mark.rfc("5280", "5.3.1")
def test_an_unspecified_reason_is_left_out(town: Town) -> None:
    certificate = issue(town.city, "lamp")
    revoke(town.city, certificate, "unspecified")
    assert reason(fetch_list(town, place_of(certificate)), certificate) == "-"


@pytest.mark.rfc("5280", "5.2.3")
def test_numbers_only_grow_also_when_the_clock_goes_back_and_in_another_process(
    town: Town, runtime: Runtime, clock: FrozenClock
) -> None:
    lamp = issue(town.city, "lamp")
    path = place_of(lamp)
    numbers = [number(fetch_list(town, path))]
    for move in (timedelta(hours=7), timedelta(hours=-2), timedelta(0), timedelta(hours=1)):
        clock.advance(move)
        revoke(town.city, beside(town.city, lamp, f"lamp{len(numbers)}"))
        other = build_town(found_city(runtime))
        numbers += [number(fetch_list(town, path)), number(fetch_list(other, path))]
    rising = [numbers[0], *numbers[1::2]]
    assert rising == sorted(set(rising))
    assert numbers[1::2] == numbers[2::2]


@pytest.mark.rfc("5280", "5.1.2.5")
def test_a_list_is_made_anew_long_before_it_ends(town: Town, clock: FrozenClock) -> None:
    path = place_of(issue(town.city, "lamp"))
    first, delta = fetch_list(town, path), fetch_list(town, delta_path(path))
    assert first.next_update_utc == town.city.now + timedelta(hours=24)
    assert delta.next_update_utc == town.city.now + timedelta(minutes=60)
    clock.advance(timedelta(hours=5))
    assert number(fetch_list(town, path)) == number(first)
    clock.advance(timedelta(hours=2))
    assert number(fetch_list(town, path)) > number(first)


@pytest.mark.rfc("5280", "5")
def test_an_entry_outlives_its_certificate_by_one_list(town: Town, clock: FrozenClock) -> None:
    certificate = issue(town.city, "lamp")
    revoke(town.city, certificate)
    clock.advance(timedelta(days=90, hours=1))
    path = place_of(certificate)
    assert reason(fetch_list(town, path), certificate) == "superseded"
    clock.advance(timedelta(days=1))
    assert reason(fetch_list(town, path), certificate) is None


def test_the_whole_list_for_people_names_all_partitions_and_has_no_scope(town: Town) -> None:
    both = [issue(town.city, name) for name in ("one", "two", "three")]
    for certificate in both:
        revoke(town.city, certificate)
    for path in ("/pki/crl", "/pki/crl/devices", "/pki/crl/devices-1"):
        found = fetch_list(town, path)
        assert [reason(found, c) for c in both] == ["superseded"] * 3
        with pytest.raises(x509.ExtensionNotFound):
            extension(found, x509.IssuingDistributionPoint)


@pytest.mark.parametrize("algorithm", ["ES384", "EdDSA", "RS256"])
def test_an_authority_of_any_algorithm_signs_lists(
    tmp_path: Any, clock: FrozenClock, algorithm: Any
) -> None:
    settings = deployments.settings_in(tmp_path, PkiSettings(key_algorithm=algorithm))
    runtime = deployments.build_runtime(settings, clock)
    town = build_town(found_city(runtime))
    for profile in ("device", "device-mldsa"):
        certificate = issue(town.city, profile, profile)
        revoke(town.city, certificate)
        found = fetch_list(town, place_of(certificate))
        key = issuer_of(town.city, certificate).certificate.public_key()
        assert found.is_signature_valid(key)  # type: ignore[arg-type]
        assert reason(found, certificate) == "superseded"
    runtime.close()


def test_the_roots_list_names_an_authority_that_was_revoked(town: Town) -> None:
    devices = town.city.authority.hierarchy.signing("devices")[0].certificate
    revoke(town.city, devices, "cACompromise")
    assert reason(fetch_list(town, place_of(devices)), devices) == "cACompromise"


@pytest.mark.parametrize(
    "path", ["/pki/crl/devices-1/32.crl", "/pki/crl/devices-1/01.crl", "/pki/crl/devices-1/x.crl",
             "/pki/crl/devices-9/0.crl", "/pki/crl/nobody", "/pki/authorities/devices-1.pem",
             "/pki/authorities/nobody.cer", f"/pki/crl/devices-1/{'9' * 5000}.crl"],
)  # fmt: skip
def test_a_list_that_is_not_there_is_said_with_a_next_step(town: Town, path: str) -> None:
    answer = town.http.get(path)
    assert answer.status_code == 404
    assert answer.json()["next_step"]


def test_a_list_that_nobody_here_can_sign_says_who_can(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foundation.errors import Unavailable
    from pki.hierarchy.hierarchy import Authority, Hierarchy

    def elsewhere(hierarchy: Hierarchy, authority: Authority) -> Any:
        raise Unavailable("The key is not here.")

    monkeypatch.setattr(Hierarchy, "private_key", elsewhere)
    answer = town.http.get("/pki/crl/root-1/0.crl")
    assert answer.status_code == 503
    assert "civitas ca install" in answer.json()["next_step"]
    assert town.http.get("/pki/crl/root-1/0-delta.crl").status_code == 404
    from pki import store

    with town.city.runtime.database.write() as uow:
        for told, newer in ((b"list 7", True), (b"list 7 again", False)):
            kid = town.city.authority.hierarchy.named("root")[0].kid
            assert newer == store.put_list(
                uow, authority_kid=kid, partition=0, kind="complete", number=7, der=told,
                this_update=town.city.now, next_update=town.city.now,
            )  # fmt: skip
    for path in ("/pki/crl/root-1/0.crl", "/pki/crl/root"):
        assert town.http.get(path).content == b"list 7"


@pytest.mark.rfc("5280", "4.2.2.1")
def test_an_issuers_certificate_is_where_certificates_say(town: Town) -> None:
    certificate = issue(town.city, "lamp")
    described = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    address = next(
        d.access_location.value
        for d in described.value
        if d.access_method == x509.AuthorityInformationAccessOID.CA_ISSUERS
    )
    answer = town.http.get("/" + address.split("/", 3)[3])
    assert answer.headers["content-type"] == "application/pkix-cert"
    issuer = issuer_of(town.city, certificate).certificate
    assert answer.content == issuer.public_bytes(DER)
    several = town.http.get("/pki/authorities/root-1.p7c")
    assert several.headers["content-type"] == "application/pkcs7-mime"
    roots = pkcs7.load_der_pkcs7_certificates(several.content)
    assert roots[0] == town.city.authority.hierarchy.named("root")[0].certificate


def test_the_periodic_work_makes_asked_for_lists_anew(town: Town, clock: FrozenClock) -> None:
    certificate = issue(town.city, "lamp")
    path = place_of(certificate)
    first = number(fetch_list(town, path))
    clock.advance(timedelta(hours=7))
    assert town.city.authority.lists.refresh(town.city.now) == 1
    assert number(fetch_list(town, path)) > first
    assert serial(certificate)
