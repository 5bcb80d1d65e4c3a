"""Names on their way into a certificate — RFC 5280 §4.2.1.6, RFC 9549, RFC 9525."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from pki import Admission, RequestRefused
from pki.requests.request import parse
from pki.x509 import names
from tests.support.devices import City, csr, new_key
from tests.support.status import Anybody
from tests.unit.foundation.test_hosts import NO_NAMES


def issued(city: City, profile: str, *written: str) -> x509.SubjectAlternativeName:
    der = city.authority.issue_by_hand(profile, csr(new_key(), None), "a", written, city.now).der
    certificate = x509.load_der_x509_certificate(der)
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


@pytest.mark.rfc("5280", "4.2.1.6")
def test_no_server_is_certified_for_what_is_no_name_and_the_sentence_says_why(city: City) -> None:
    before = city.events().count("certificate.issued")
    wrong = [f"DNS:{name}" for name in NO_NAMES if name != "*.a.example"]
    wrong += ["IP:10.0.0.0/8", "IP:", "IP:a.example", "IP:fe80::1%eth0", "[::1]", "id.example", ""]
    for name in wrong:
        with pytest.raises(RequestRefused) as refused:
            issued(city, "server", "DNS:good.example", name)
        assert refused.value.where == "subjectAltName", name
        assert refused.value.next_step
    assert city.events().count("certificate.issued") == before


@pytest.mark.rfc("9549", "2.2")
def test_international_names_and_addresses_are_certified_in_their_one_form(city: City) -> None:
    found = issued(
        city, "server", "DNS:Bücher.example", "DNS:xn--bcher-kva.example", "DNS:*.city.example",
        "IP:[::1]", "IP:192.0.2.1", "IP:0:0:0:0:0:0:0:1",
    )  # fmt: skip
    assert [names.written(name) for name in found] == [
        "DNS:xn--bcher-kva.example", "DNS:*.city.example", "IP:::1", "IP:192.0.2.1",
    ]  # fmt: skip


def test_the_same_names_written_otherwise_lead_to_the_same_certificate(city: City) -> None:
    body = csr(new_key(), None)
    one, two = (
        city.authority.issue_by_hand("server", body, "a", [name], city.now).serial
        for name in ("DNS:ID.example", "DNS:id.example")
    )
    assert one == two


@pytest.mark.rfc("5280", "7.2")
def test_a_request_may_write_a_hosts_name_in_capitals(city: City) -> None:
    asked = x509.SubjectAlternativeName([x509.DNSName("ID.example")])
    body = csr(new_key(), None, (asked, False))
    issued_one = city.authority.issue_by_hand("server", body, "a", ["DNS:id.example"], city.now)
    assert issued_one.serial


@pytest.mark.rfc("5280", "4.2.1.6")
def test_what_is_no_uri_comes_into_no_certificate(city: City) -> None:
    for uri in (
        "", "lamp", "urn:", "urn:x", "http:", "https://", "https://a b", "urn:dev:os:1 2",
        "https://a..b/x", "https://10.0.0.300/", "https://a.example:x/", "https://u@a.example/",
        "urn:dev:os:%zz", "1https://a.example", "https://[::1/x", "https://a_b.example/",
    ):  # fmt: skip
        with pytest.raises(RequestRefused) as refused:
            issued(city, "idevid", f"URI:{uri}")
        assert refused.value.where == "subjectAltName", uri


@pytest.mark.rfc("9549", "2.3")
def test_an_iri_becomes_a_uri_with_a_labels_and_escapes(city: City) -> None:
    found = issued(city, "idevid", "URI:urn:dev:os:32473-1", "URI:HTTPS://Bücher.example:8443/ä?q")
    assert [names.written(name) for name in found] == [
        "URI:urn:dev:os:32473-1", "URI:https://xn--bcher-kva.example:8443/%C3%A4?q",
    ]  # fmt: skip


def test_whoever_asks_the_issuance_meets_the_same_checks(city: City) -> None:
    admission = Admission("test:1", "somebody", "server", "somebody", ("DNS:10.0.0.1",))
    with pytest.raises(RequestRefused, match="write IP"):
        city.authority.issuance.issue(admission, parse(csr(new_key(), None)), Anybody(), city.now)


def test_our_own_listener_is_certified_for_its_origin_and_never_for_half_a_name(
    city: City,
) -> None:
    long = "a" * 60 + ".example.city"
    made = city.authority.issue_server_certificate([long, "[::1]", "id.example.", "10.0.0.1"])
    certificate = x509.load_pem_x509_certificate(made.chain_pem)
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [names.written(name) for name in found] == [
        f"DNS:{long}", "IP:::1", "DNS:id.example", "IP:10.0.0.1",
    ]  # fmt: skip
    (common,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common.value == "::1"
    made = city.authority.issue_server_certificate([long])
    certificate = x509.load_pem_x509_certificate(made.chain_pem)
    (common,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common.value == "TLS server"
    assert certificate.not_valid_after_utc - city.now > timedelta(days=300)
