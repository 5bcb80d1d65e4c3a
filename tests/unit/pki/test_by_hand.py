"""Certificates that an operator issues by hand, by the same rules as all the others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from foundation.clock import FrozenClock
from foundation.errors import BadRequest, Conflict, Problem
from pki import RequestRefused
from tests.support.devices import City, csr, new_key


def issue(city: City, profile: str, holder: str = "EE38001085718", *names: str) -> x509.Certificate:
    body = csr(new_key(), None)
    issued = city.authority.issue_by_hand(profile, body, holder, names, city.now)
    return x509.load_der_x509_certificate(issued.der)


def test_a_persons_two_keys_are_for_two_things(city: City) -> None:
    signs_in, signs = issue(city, "citizen-authentication"), issue(city, "citizen-signature")
    usages = [c.extensions.get_extension_for_class(x509.KeyUsage).value for c in (signs_in, signs)]
    assert (usages[0].digital_signature, usages[0].content_commitment) == (True, False)
    assert (usages[1].digital_signature, usages[1].content_commitment) == (False, True)
    extended = signs_in.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert ExtendedKeyUsageOID.CLIENT_AUTH in extended
    for certificate in (signs_in, signs):
        assert "Citizen Authority" in certificate.issuer.rfc4514_string()
        named = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
        assert [a.value for a in named] == ["EE38001085718"]


def test_the_same_request_gives_the_same_certificate_again(city: City) -> None:
    body, before = csr(new_key(), None), city.events().count("certificate.issued")
    one, two = (
        city.authority.issue_by_hand("citizen-signature", body, "A. Tamm", (), city.now)
        for _ in range(2)
    )
    assert one == two
    assert city.events().count("certificate.issued") == before + 1


def test_one_key_is_one_holders(city: City) -> None:
    body = csr(new_key(), None)
    city.authority.issue_by_hand("citizen-signature", body, "A. Tamm", (), city.now)
    with pytest.raises((RequestRefused, Conflict)):
        city.authority.issue_by_hand("citizen-signature", body, "B. Kask", (), city.now)


@pytest.mark.parametrize("profile", ["root", "issuing", "ocsp"])
def test_an_authority_is_never_made_by_hand(city: City, profile: str) -> None:
    with pytest.raises(BadRequest):
        issue(city, profile)


@pytest.mark.parametrize(
    ("profile", "holder", "names"),
    [
        ("citizen-signature", "", ()),
        ("citizen-signature", "x" * 65, ()),
        ("citizen-signature", "a\nb", ()),
        ("citizen-signature", "A. Tamm", ("DNS:city.example",)),
        ("server", "city.example", ()),
        ("server", "city.example", ("URI:urn:x",)),
    ],
)
def test_what_the_profile_does_not_say_is_refused(
    city: City, profile: str, holder: str, names: tuple[str, ...]
) -> None:
    with pytest.raises(Problem):
        issue(city, profile, holder, *names)


def test_a_servers_own_key_is_certified_for_its_names(city: City) -> None:
    certificate = issue(city, "server", "city.example", "DNS:city.example", "IP:192.0.2.1")
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["city.example"]


def test_other_names_give_another_certificate_and_an_expired_one_is_not_given_again(
    city: City, clock: FrozenClock
) -> None:
    body = csr(new_key(), None)

    def ask(*names: str) -> str:
        return city.authority.issue_by_hand("server", body, "srv", names, city.now).serial

    first, second = ask("DNS:a.example"), ask("DNS:b.example")
    assert first != second
    assert ask("DNS:b.example") == second
    clock.advance(timedelta(days=400))
    with pytest.raises(Conflict) as refused:
        ask("DNS:b.example")
    assert "new key" in (refused.value.next_step or "")
