"""What is signed of a certificate is byte for byte what `cryptography` makes of its draft."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.algorithms import SUPPORTED, generate
from pki import profiles
from pki.issuing import drafting
from pki.issuing.drafting import Draft
from pki.issuing.status_links import StatusPlaces
from pki.profiles.profile import KEY_USAGES, Profile
from pki.x509 import names
from pki.x509.public_key import info_of, key_identifier

PROFILES = profiles.load()
NOBODY = x509.Name([])
KINDS = ("P-521", *SUPPORTED)
"""Of keys that are certified; authorities have the same, but for the first."""


@cache
def key(kind: str, whose: str = "") -> Any:
    return ec.generate_private_key(ec.SECP521R1()) if kind == "P-521" else generate(kind)


@cache
def issuer_with(kind: str) -> x509.Certificate:
    """An authority of whose name no two parts are strings of the same type."""
    signs, city = key(kind, "issuer"), "Zürich"
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, city),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{city} Devices G1"),
        ]
    )
    at = datetime(2026, 1, 1, tzinfo=UTC)
    public = signs.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(1)
        .not_valid_before(at)
        .not_valid_after(at + timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(signs, drafting.hash_for(signs))
    )


# ── the same by objects ───────────────────────────────────────────────────────────────────


def built(draft: Draft, public: Any, issuer: x509.Certificate | None, signs: Any) -> bytes:
    own = x509.SubjectKeyIdentifier.from_public_key(public)
    identified = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
        issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        if issuer is not None
        else own
    )
    builder = (
        x509.CertificateBuilder()
        .serial_number(draft.serial)
        .issuer_name(issuer.subject if issuer is not None else draft.subject)
        .subject_name(draft.subject)
        .public_key(public)
        .not_valid_before(draft.not_before)
        .not_valid_after(draft.not_after)
        .add_extension(own, critical=False)
        .add_extension(identified, critical=False)
    )
    for extension, critical in (*by_profile(draft.profile), *by_draft(draft)):
        builder = builder.add_extension(extension, critical)
    return builder.sign(signs, drafting.hash_for(signs)).tbs_certificate_bytes


def by_profile(profile: Profile) -> list[tuple[x509.ExtensionType, bool]]:
    usages = {usage: usage in profile.key_usage for usage in KEY_USAGES}
    said: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(profile.authority, profile.path_length), True),
        (x509.KeyUsage(**usages), True),
    ]
    if oids := [ObjectIdentifier(oid) for oid in profile.extended_key_usage_oids]:
        said.append((x509.ExtendedKeyUsage(oids), profile.extended_key_usage_critical))
    if policies := [x509.PolicyInformation(ObjectIdentifier(p), None) for p in profile.policies]:
        said.append((x509.CertificatePolicies(policies), False))
    if profile.status == "responder":
        said.append((x509.OCSPNoCheck(), False))
    if profile.status == "short-lived":
        none = x509.UnrecognizedExtension(drafting.NO_REVOCATION_AVAILABLE, b"\x05\x00")
        said.append((none, False))
    return said


def by_draft(draft: Draft) -> list[tuple[x509.ExtensionType, bool]]:
    said: list[tuple[x509.ExtensionType, bool]] = []
    if draft.alternative_names:
        found = [general(name) for name in draft.alternative_names]
        said.append((x509.SubjectAlternativeName(found), False))
    if draft.permitted or draft.excluded:
        trees = [
            [general(n, tree=True) for n in some] for some in (draft.permitted, draft.excluded)
        ]
        said.append((x509.NameConstraints(trees[0] or None, trees[1] or None), True))
    if draft.links is not None:
        described = [(AuthorityInformationAccessOID.CA_ISSUERS, draft.links.issuer_certificate)]
        if draft.profile.status == "published":
            described.insert(0, (AuthorityInformationAccessOID.OCSP, draft.links.responder))
        uri = x509.UniformResourceIdentifier
        told = [x509.AccessDescription(method, uri(address)) for method, address in described]
        said.append((x509.AuthorityInformationAccess(told), False))
        if draft.profile.status in ("published", "listed"):
            place = x509.DistributionPoint([uri(draft.links.revocation_list)], None, None, None)
            said.append((x509.CRLDistributionPoints([place]), False))
    return said


def general(name: str, *, tree: bool = False) -> x509.GeneralName:
    kind, _, value = name.partition(":")
    if kind == "IP":
        read = ipaddress.ip_network(value) if tree else ipaddress.ip_address(value)
        return x509.IPAddress(read)
    return x509.DNSName(value) if kind == "DNS" else x509.UniformResourceIdentifier(value)


# ── drafts ────────────────────────────────────────────────────────────────────────────────

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
ALTERNATIVE = st.one_of(
    HOSTS.map("DNS:{}".format),
    st.ip_addresses().map("IP:{}".format),
    HOSTS.map("URI:urn:dev:ops:32473-{}".format),
    st.tuples(HOSTS, st.integers(0, 2_000)).map(lambda x: f"URI:https://{x[0]}/{'p' * x[1]}"),
)
TREES = st.one_of(
    HOSTS.map("DNS:{}".format), st.sampled_from(["IP:0.0.0.0/0", "IP:::/0", "IP:10.0.0.0/8"])
)
COMMON = st.text(st.characters(codec="utf-8"), min_size=1, max_size=64)
PRINTABLE = st.text("abcXYZ019 '()+,-./:=?", min_size=1, max_size=64)
AT = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
INSTANTS = st.one_of(
    st.datetimes(datetime(1950, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),
    st.sampled_from([AT, AT + timedelta(seconds=1), drafting.NO_WELL_DEFINED_END]),
)
SERIALS = st.one_of(
    st.integers(1, (1 << 159) - 1),
    st.integers(0, 158).map(lambda bit: 1 << bit),
    st.integers(1, 159).map(lambda bit: (1 << bit) - 1),
)


@st.composite
def subjects(draw: Any) -> x509.Name:
    kind = draw(st.sampled_from(["CN", "serialNumber", "both", "authority", "empty"]))
    if kind == "empty":
        return NOBODY
    if kind == "authority":
        return issuer_with("ES384").subject
    attributes = {"CN", "serialNumber"} if kind == "both" else {kind}
    return names.subject(draw(COMMON if kind == "CN" else PRINTABLE), attributes)


@st.composite
def drafts(draw: Any) -> tuple[Draft, Any]:
    first, last = sorted((draw(INSTANTS), draw(INSTANTS)))
    public = key(draw(st.sampled_from(KINDS)), "holder").public_key()
    places = StatusPlaces(f"http://{draw(HOSTS)}:8000")
    partition = draw(st.integers(0, 4_000))
    draft = Draft(
        serial=draw(SERIALS),
        profile=PROFILES[draw(st.sampled_from(sorted(PROFILES)))],
        subject=draw(subjects()),
        public_key=info_of(public),
        alternative_names=draw(st.lists(ALTERNATIVE, max_size=4)),
        not_before=first.replace(microsecond=0),
        not_after=last.replace(microsecond=0),
        links=draw(st.sampled_from([None, places.links("devices-1", partition)])),
        permitted=tuple(draw(st.lists(TREES, max_size=2))),
        excluded=tuple(draw(st.lists(TREES, max_size=2))),
    )
    return draft, public


@pytest.mark.rfc("5280", "4.1")
@pytest.mark.rfc("5280", "4.1.2.5")
@pytest.mark.rfc("5280", "4.2")
@settings(max_examples=120, deadline=None)
@given(drafts(), st.sampled_from(SUPPORTED), st.booleans())
def test_a_body_is_what_the_library_makes_of_the_same_draft(
    drafted: tuple[Draft, Any], kind: str, signs_itself: bool
) -> None:
    draft, public = drafted
    signs = key(kind, "issuer")
    issuer = None if signs_itself else issuer_with(kind)
    body = drafting.body(draft, issuer, signs)
    assert body == built(draft, public, issuer, signs)
    parts = drafting.parts(body)
    assert (parts.subject, parts.public_key) == (draft.subject.public_bytes(), draft.public_key)
    assert drafting.unsigned(body).tbs_certificate_bytes == body


@pytest.mark.rfc("5280", "4.1.1.3")
@pytest.mark.rfc("9881", "3")
@pytest.mark.parametrize("kind", SUPPORTED)
def test_what_is_signed_is_the_body_and_everybody_can_verify_it(kind: str) -> None:
    signs, public = key(kind, "issuer"), key("ES256", "holder").public_key()
    at = datetime(2026, 1, 2, tzinfo=UTC)
    draft = Draft(5, PROFILES["device"], NOBODY, info_of(public), ("DNS:lamp.example",), at, at)
    body = drafting.body(draft, issuer_with(kind), signs)
    certificate = x509.load_der_x509_certificate(drafting.signed(body, signs))
    assert certificate.tbs_certificate_bytes == body
    certificate.verify_directly_issued_by(issuer_with(kind))


@pytest.mark.rfc("5280", "4.2.1.2")
@pytest.mark.parametrize("kind", KINDS)
def test_a_keys_identifier_is_the_digest_of_its_bits(kind: str) -> None:
    public = key(kind, "holder").public_key()
    expected = x509.SubjectKeyIdentifier.from_public_key(public).digest
    assert key_identifier(info_of(public)) == expected
