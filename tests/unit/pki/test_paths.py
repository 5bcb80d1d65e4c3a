"""Paths of our own kinds, beside those of PKITS: other keys, other names, other bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from itertools import pairwise
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from foundation import algorithms
from pki.path import PathRefused, Rules, trust_in
from pki.path.rules import LARGEST, LONGEST, MOST_STEPS

pytestmark = pytest.mark.rfc("5280", "6.1")

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CLIENT = Rules(ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string, revocation="elsewhere")


def named(common_name: str, organisation: str = "Example City") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


@dataclass
class Holder:
    """Somebody with a key and certificates for it."""

    name: x509.Name
    key: Any

    @classmethod
    def new(cls, common_name: str, algorithm: str = "ES256", organisation: str = "Example City"):
        return cls(named(common_name, organisation), algorithms.generate(algorithm))

    def certify(
        self,
        subject: Holder,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        *,
        authority: bool = False,
        purposes: Sequence[ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
        hashed: hashes.HashAlgorithm | None = None,
        days: int = 30,
    ) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .serial_number(x509.random_serial_number())
            .issuer_name(self.name)
            .subject_name(subject.name)
            .public_key(subject.key.public_key())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=days))
            .add_extension(x509.BasicConstraints(authority, None), True)
            .add_extension(
                x509.KeyUsage(not authority, False, False, False, False, authority, authority,
                              False, False), True)
        )  # fmt: skip
        if not authority and purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        if hashed is None and isinstance(self.key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            hashed = hashes.SHA256()
        return builder.sign(self.key, hashed).public_bytes(Encoding.DER)


def refused(trust: Any, der: bytes, rules: Rules = CLIENT, now: datetime = NOW) -> str:
    with pytest.raises(PathRefused) as caught:
        trust.validate(der, rules, now)
    return caught.value.reason


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA", "RS256", "ML-DSA-44",
                                       "ML-DSA-65", "ML-DSA-87"])  # fmt: skip
def test_issuers_of_every_algorithm_are_followed(algorithm: str) -> None:
    root, between, device = (Holder.new(n, algorithm) for n in ("Root", "Devices", "Lamp"))
    middle = root.certify(between, authority=True)
    trust = trust_in([root.certify(root, authority=True)], [middle])
    leaf = between.certify(device)
    assert trust.validate(leaf, CLIENT, NOW).certificates[1:] == (middle, leaf)
    other = Holder(between.name, algorithms.generate(algorithm))
    assert refused(trust, other.certify(device)) == "signature"


def test_a_signature_with_sha1_or_a_short_key_does_not_count() -> None:
    key = rsa.generate_private_key(65537, 1024)
    root = Holder(named("Root"), key)
    trust = trust_in([root.certify(root, authority=True)])
    assert refused(trust, root.certify(Holder.new("Lamp"))) == "algorithm"
    strong = Holder.new("Root", "RS256")
    trust = trust_in([strong.certify(strong, authority=True)])
    with pytest.raises(PathRefused) as caught:
        trust.validate(_with_sha1(strong, Holder.new("Lamp")), CLIENT, NOW)
    assert caught.value.reason == "algorithm"


def _with_sha1(issuer: Holder, subject: Holder) -> bytes:
    """`cryptography` no longer signs so; the algorithm is written over, the signature is moot."""
    der = issuer.certify(subject)
    sha256, sha1 = bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105")
    assert der.count(sha256) == 2
    return der.replace(sha256, sha1)


def test_any_extended_key_usage_is_not_client_authentication() -> None:
    root = Holder.new("Root")
    trust = trust_in([root.certify(root, authority=True)])
    for purposes in (
        (),
        (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,),
        (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE),
    ):
        leaf = root.certify(Holder.new("Lamp"), purposes=purposes)
        assert refused(trust, leaf) == "wrong_extended_key_usage"


URI, DIRECTORY = x509.UniformResourceIdentifier, x509.DirectoryName
CONSTRAINTS = [
    (URI("lamps.example.city"), URI("https://lamps.example.city/114"), URI("https://evil.example")),
    (URI(".example.city"), URI("https://lamps.example.city/"), URI("https://example.city.evil/")),
    (x509.DNSName("example.city"), x509.DNSName("a.example.city"), x509.DNSName("bexample.city")),
    (x509.RFC822Name("example.city"), x509.RFC822Name("a@example.city"),
     x509.RFC822Name("a@evil.example")),
    (DIRECTORY(named("x").rdns and x509.Name(list(named("x"))[:1])), None,
     DIRECTORY(named("Lamp", "Evil City"))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("within", "inside", "outside"), CONSTRAINTS, ids=lambda n: type(n).__name__
)
def test_name_constraints_hold_for_every_kind_of_name(
    within: x509.GeneralName, inside: x509.GeneralName | None, outside: x509.GeneralName
) -> None:
    root, between, lamp = Holder.new("Root"), Holder.new("Devices"), Holder.new("Lamp")
    own = [DIRECTORY(x509.Name(list(named("x"))[:1]))] if within != CONSTRAINTS[-1][0] else []

    def leaf(permitted: Any, excluded: Any, name: x509.GeneralName | None) -> tuple[Any, bytes]:
        said = x509.NameConstraints(permitted, excluded)
        middle = root.certify(between, [(said, True)], authority=True)
        names = [(x509.SubjectAlternativeName([name]), False)] if name is not None else []
        trust = trust_in([root.certify(root, authority=True)], [middle])
        return trust, between.certify(lamp, names)

    trust, good = leaf([within, *own], None, inside)
    assert trust.validate(good, CLIENT, NOW)
    trust, bad = leaf([within, *own], None, outside)
    assert refused(trust, bad) == "name_constraints"
    trust, bad = leaf(None, [within], inside or DIRECTORY(named("Lamp")))
    assert refused(trust, bad) == "name_constraints"


ALL_V4, HOME = x509.IPAddress(ip_network("0.0.0.0/0")), x509.IPAddress(ip_network("192.0.2.0/24"))
ALL_V6 = x509.IPAddress(ip_network("::/0"))


@pytest.mark.parametrize(
    ("permitted", "excluded", "address", "good"),
    [
        (None, [ALL_V4], "192.0.2.1", False),
        (None, [ALL_V6], "192.0.2.1", True),
        (None, [ALL_V6], "2001:db8::1", False),
        ([HOME], None, "192.0.2.1", True),
        ([HOME], None, "198.51.100.1", False),
        ([HOME], None, "2001:db8::1", False),
        (None, [x509.DNSName("")], "192.0.2.1", True),
    ],
)
def test_constraints_on_addresses_hold(
    permitted: Any, excluded: Any, address: str, good: bool
) -> None:
    root, between = Holder.new("Root"), Holder.new("Devices")
    said = x509.NameConstraints(permitted, excluded)
    middle = root.certify(between, [(said, True)], authority=True)
    trust = trust_in([root.certify(root, authority=True)], [middle])
    name = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
    leaf = between.certify(Holder.new("Lamp"), [(name, False)])
    if good:
        assert trust.validate(leaf, CLIENT, NOW)
    else:
        assert refused(trust, leaf) == "name_constraints"


def test_the_empty_name_stands_for_every_name() -> None:
    root, between = Holder.new("Root"), Holder.new("Devices")
    said = x509.NameConstraints(None, [x509.DNSName("")])
    middle = root.certify(between, [(said, True)], authority=True)
    trust = trust_in([root.certify(root, authority=True)], [middle])
    name = x509.SubjectAlternativeName([x509.DNSName("id.example.city")])
    assert refused(trust, between.certify(Holder.new("Lamp"), [(name, False)])) == (
        "name_constraints"
    )
    assert trust.validate(between.certify(Holder.new("Lamp")), CLIENT, NOW)


def test_an_unknown_critical_extension_is_refused_and_another_is_not() -> None:
    root = Holder.new("Root")
    trust = trust_in([root.certify(root, authority=True)])
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
    assert refused(trust, root.certify(Holder.new("Lamp"), [(unknown, True)])) == (
        "critical_extension"
    )
    assert trust.validate(root.certify(Holder.new("Lamp"), [(unknown, False)]), CLIENT, NOW)


def test_a_path_through_a_cross_certificate_holds_where_the_old_root_ended() -> None:
    old, new, between = Holder.new("Root 1"), Holder.new("Root 2"), Holder.new("Devices")
    middle = old.certify(between, authority=True)
    cross = new.certify(old, authority=True)
    ended = old.certify(old, authority=True, days=0)
    anchors = [ended, new.certify(new, authority=True)]
    leaf, later = between.certify(Holder.new("Lamp")), NOW + timedelta(hours=1)
    assert refused(trust_in(anchors, [middle]), leaf, now=later) == "issuer_expired"
    path = trust_in(anchors, [middle, cross]).validate(leaf, CLIENT, later)
    assert path.certificates == (anchors[1], cross, middle, leaf)


def test_a_list_for_every_certificate_is_asked_for_unless_the_caller_knows_better() -> None:
    root = Holder.new("Root")
    lamp = Holder.new("Lamp")
    anchor, leaf = root.certify(root, authority=True), root.certify(lamp)
    by_lists = replace(CLIENT, revocation="lists")
    assert refused(trust_in([anchor]), leaf, by_lists) == "revocation_unknown"
    serial = x509.load_der_x509_certificate(leaf).serial_number
    empty = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.name)
        .last_update(NOW - timedelta(hours=1))
        .next_update(NOW + timedelta(days=1))
    )
    entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW).build()
    for builder, verdict in ((empty, None), (empty.add_revoked_certificate(entry), "revoked")):
        der = builder.sign(root.key, hashes.SHA256()).public_bytes(Encoding.DER)
        trust = trust_in([anchor], (), [der])
        if verdict is None:
            assert trust.validate(leaf, by_lists, NOW)
            assert refused(trust, leaf, by_lists, NOW + timedelta(days=2)) == "revocation_unknown"
        else:
            assert refused(trust, leaf, by_lists) == verdict


def test_authorities_that_all_certify_each_other_cost_no_more_than_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = [Holder.new(f"Authority {n}") for n in range(12)]
    mesh = [a.certify(b, authority=True) for a in many for b in many if a is not b]
    leaf = many[0].certify(Holder.new("Lamp"))
    root = Holder.new("Root")
    trust = trust_in([root.certify(root, authority=True)], mesh)
    looked = 0
    from pki.path import building

    may = building._may_have_issued

    def counted(*both: Any) -> bool:
        nonlocal looked
        looked += 1
        return may(*both)

    monkeypatch.setattr(building, "_may_have_issued", counted)
    assert refused(trust, leaf) == "no_path"
    assert looked <= MOST_STEPS + len(many)


def test_a_path_longer_than_the_bound_is_not_followed() -> None:
    line = [Holder.new(f"Authority {n}") for n in range(LONGEST + 1)]
    anchor = line[0].certify(line[0], authority=True)
    between = [a.certify(b, authority=True) for a, b in pairwise(line)]
    trust = trust_in([anchor], between)
    lamp = Holder.new("Lamp")
    assert trust.validate(line[LONGEST - 2].certify(lamp), CLIENT, NOW)
    assert refused(trust, line[LONGEST - 1].certify(lamp)) == "no_path"


def test_what_is_no_certificate_is_malformed() -> None:
    root = Holder.new("Root")
    trust = trust_in([root.certify(root, authority=True)])
    leaf = root.certify(Holder.new("Lamp"))
    for der in (b"", b"\x30\x00", leaf[:-1], leaf + b"\x00", b"\x30" * LARGEST * 2):
        assert refused(trust, der) == "malformed"


def test_no_fetcher_and_no_network_library_is_loaded() -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", "import sys, pki.path.trust; print('aiohttp' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "False"


def test_the_library_waits_for_the_first_path() -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", "import sys, pki; print('pyhanko_certvalidator' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "False"
