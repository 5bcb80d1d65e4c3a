"""Linking a request to its TLS connection — RFC 7030 §3.5. Real sockets: `tests/interop`."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import AttributeOID

from foundation.settings import Server, Settings, SettingsError
from pki.linking import Linking, linking_of
from pki.settings import PkiSettings
from tests.support.devices import Town, csr, new_key
from tests.support.est import ask, enrolled, says_why

UNIQUE = b"\x01\xfftls-unique"
LINKED = base64.b64encode(UNIQUE)
WHERE = "attributes.challengePassword"


def linked(said: bytes, name: str | None = None) -> bytes:
    return csr(new_key(), name, attributes=[(AttributeOID.CHALLENGE_PASSWORD, said)])


@pytest.fixture
def offered(town: Town) -> Town:
    town.city.pki.linking = Linking("127.0.0.1:9443", required=False)
    town.peer.tls_unique = UNIQUE
    return town


@pytest.mark.rfc("7030", "3.5")
def test_a_request_linked_to_its_connection_enrols_and_renews(offered: Town) -> None:
    registered = offered.city.register()
    body = linked(LINKED, registered.device.id)
    assert ask(offered, "simpleenroll", body, registered).status_code == 200
    registered, _, offered.peer.certificate = enrolled(offered)
    body = linked(LINKED, registered.device.id)
    assert ask(offered, "simplereenroll", body).status_code == 200


@pytest.mark.rfc("7030", "3.5")
@pytest.mark.parametrize(
    "said", [b"", b"x", UNIQUE.replace(b"\xff", b"?"), LINKED[:-1], LINKED + b"=", b"\xc3\xa9"]
)
def test_a_request_linked_to_another_connection_is_refused(offered: Town, said: bytes) -> None:
    registered = offered.city.register()
    says_why(ask(offered, "simpleenroll", linked(said), registered), 400, WHERE)


@pytest.mark.rfc("7030", "3.5")
def test_a_link_that_is_no_text_is_refused(offered: Town) -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    octets = _ASN1Type.OctetString
    builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, b"\xff\xfe", _tag=octets)
    body = builder.sign(new_key(), hashes.SHA256()).public_bytes(Encoding.DER)
    says_why(ask(offered, "simpleenroll", body, offered.city.register()), 400, WHERE)


@pytest.mark.rfc("7030", "3.5")
def test_on_other_connections_the_refusal_says_where_to_go(offered: Town) -> None:
    offered.peer.tls_unique = None
    refused = ask(offered, "simpleenroll", linked(LINKED), offered.city.register())
    says_why(refused, 400, WHERE)
    assert "to port 9443" in refused.text


def test_without_a_linking_listener_the_refusal_says_to_leave_it_out(town: Town) -> None:
    refused = ask(town, "simpleenroll", linked(LINKED), town.city.register())
    says_why(refused, 400, WHERE)
    assert "Leave challengePassword out" in refused.text


@pytest.mark.rfc("7030", "3.5")
def test_where_linking_is_a_must_a_request_without_it_is_refused(offered: Town) -> None:
    offered.city.pki.linking = Linking("127.0.0.1:9443", required=True)
    registered = offered.city.register()
    refused = ask(offered, "simpleenroll", csr(new_key(), None), registered)
    says_why(refused, 400, WHERE)
    assert ask(offered, "simpleenroll", linked(LINKED), registered).status_code == 200


def test_linking_cannot_be_a_must_where_no_one_listens_for_it(settings: Settings) -> None:
    must = settings.with_sections(PkiSettings(linking="required"))
    with pytest.raises(SettingsError, match="linking_listen"):
        linking_of(must)
    there = must.with_sections(Server(linking_listen="127.0.0.1:9443"))
    assert linking_of(there) == Linking("127.0.0.1:9443", required=True)


@pytest.mark.rfc("7030", "3.5")
@pytest.mark.parametrize("oid", ["1.2.840.113549.1.9.16.2.56", "1.2.840.113549.1.9.16.2.58"])
def test_the_other_ways_to_link_are_refused_by_name(offered: Town, oid: str) -> None:
    """RFC 7894: otpChallenge and estIdentityLinking."""
    body = csr(new_key(), None, attributes=[(x509.ObjectIdentifier(oid), LINKED)])
    says_why(ask(offered, "simpleenroll", body, offered.city.register()), 400, f"attributes.{oid}")
