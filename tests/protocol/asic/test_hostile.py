"""Containers that somebody built to deceive — ETSI EN 319 162-1, XML Signature §8, CWE-611."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import zipfile
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from documents.judging import archive
from documents.judging.bounds import Refused
from documents.signing import container
from documents.signing.refusals import SENTENCES
from foundation.clock import FrozenClock
from tests.protocol.csc.test_verify import verify
from tests.support import spoiling
from tests.support.city import Visitor
from tests.support.signing import FILES, SigningCity, in_container
from tests.support.spoiling import XADES, changed_xml, outcome, question, zipped

Signed = dict[str, bytes]


@pytest.fixture
def signed(city: SigningCity, citizen: Visitor) -> Signed:
    """All files of a container, with a time stamp."""
    return {**FILES, **in_container(city, citizen)}


def replaced(old: bytes, new: bytes) -> Callable[[Mapping[str, bytes]], bytes]:
    def change(xml: bytes) -> bytes:
        assert old in xml, old
        return xml.replace(old, new, 1)

    return lambda files: changed_xml(files, change)


def signed_properties_moved(xml: bytes) -> bytes:
    """Wrapping: what was signed lies elsewhere, and another stands in its place."""
    own = re.search(rb"<xades:SignedProperties.*</xades:SignedProperties>", xml)
    assert own is not None
    other = own[0].replace(b"S0-SP", b"S0-X").replace(b"2026-", b"2025-", 1)
    moved = xml.replace(own[0], other)
    return moved.replace(
        b"</ds:Signature>", b"<ds:Object>" + own[0] + b"</ds:Object></ds:Signature>"
    )


def two_of_one_id(xml: bytes) -> bytes:
    own = re.search(rb"<xades:SignedProperties.*</xades:SignedProperties>", xml)
    assert own is not None
    return xml.replace(b"</ds:Signature>", b"<ds:Object>" + own[0] + b"</ds:Object></ds:Signature>")


def rehashed(files: Mapping[str, bytes]) -> bytes:
    """Another file, and its hash in the signature: what signs the hash does not fit any more."""
    old, new = (base64.b64encode(hashlib.sha256(one).digest()) for one in (FILES["a.pdf"], b"x"))
    xml = files[XADES].replace(old, new)
    return zipped({**files, XADES: xml, "a.pdf": b"x"})


DTD = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>\n<asic:XAdES'
XXE = b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">\n<asic:XAdES'
MANIFEST = "META-INF/manifest.xml"
DECEPTIONS: dict[str, tuple[str, Callable[[Mapping[str, bytes]], bytes]]] = {
    "a changed file": ("changed", lambda f: zipped({**f, "a.pdf": b"%PDF!"})),
    "a file more": ("uncovered", lambda f: zipped({**f, "more.txt": b"more"})),
    "a file less": ("missing", lambda f: zipped({n: c for n, c in f.items() if n != "a.pdf"})),
    "no file at all": ("uncovered", lambda f: zipped({XADES: f[XADES]})),
    "a file with its hash in the signature": ("bad", rehashed),
    "a path out of it": ("path", lambda f: zipped({**f, "../a.txt": b""})),
    "a path from the root": ("path", lambda f: zipped({**f, "/etc/passwd": b""})),
    "a path of another system": ("path", lambda f: zipped({**f, "a\\..\\b": b""})),
    "two of one name": ("names", lambda f: spoiling.with_two_of_one_name(f, "a.pdf", b"x")),
    "two of one name for some": ("names", lambda f: zipped({**f, "A.PDF": b"x"})),
    "something between the files": (
        "broken",
        lambda f: spoiling.with_something_between(zipped(f)),
    ),
    "octets before it": ("mimetype", lambda f: b"PK" + zipped(f)),
    "mimetype not first": ("mimetype", lambda f: zipped({"mimetype": b"", **f}, first="a")),
    "mimetype compressed": ("mimetype", lambda f: zipped(f, method=zipfile.ZIP_DEFLATED)),
    "a bomb": ("size", spoiling.bomb),
    "something among the signatures": ("strange", lambda f: zipped({**f, "META-INF/a.exe": b""})),
    "signatures that are in no manifest": (
        "strange",
        lambda f: zipped({**f, "META-INF/signature1.p7s": b""}),
    ),
    "entities": ("entities", replaced(b"<asic:XAdES", DTD)),
    "a definition from elsewhere": ("entities", replaced(b"<asic:XAdES", XXE)),
    "entities in another encoding": (
        "entities",
        lambda f: changed_xml(f, lambda xml: xml.decode().encode("utf-16")),
    ),
    "entities in the list of files": (
        "entities",
        lambda f: zipped({**f, MANIFEST: f[MANIFEST].replace(b"<manifest:manifest", DTD)}),
    ),
    "a comment in a hash": ("xml", replaced(b"</ds:DigestValue>", b"<!-- --></ds:DigestValue>")),
    "wrapping": ("wrapping", lambda f: changed_xml(f, signed_properties_moved)),
    "two of one Id": ("wrapping", lambda f: changed_xml(f, two_of_one_id)),
    "a reference elsewhere": ("wrapping", replaced(b'URI="#S0-SP"', b'URI="#S0-V"')),
    "properties of another signature": ("wrapping", replaced(b'Target="#S0"', b'Target="#S1"')),
    "one file twice": ("missing", replaced(b'URI="a.pdf"', b'URI="b.pdf"')),
    "a file from elsewhere": ("transform", replaced(b'URI="a.pdf"', b'URI="http://x/a.pdf"')),
    "a transform": (
        "transform",
        replaced(
            b'URI="a.pdf">',
            b'URI="a.pdf"><ds:Transforms><ds:Transform Algorithm='
            b'"http://www.w3.org/TR/1999/REC-xslt-19991116"/></ds:Transforms>',
        ),
    ),
    "another canonical form": (
        "transform",
        replaced(
            b'Method Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"',
            b'Method Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#WithComments"',
        ),
    ),
    "a weak hash": (
        "algorithm",
        replaced(b"http://www.w3.org/2001/04/xmlenc#sha256", b"http://www.w3.org/2000/09/xmldsig#sha1"),
    ),
    "a hash of another length": ("algorithm", replaced(b"xmlenc#sha256", b"xmlenc#sha512")),
    "an HMAC": (
        "algorithm",
        replaced(b"#ecdsa-sha256", b"#hmac-sha256"),
    ),
    "an empty signature": (
        "bad",
        lambda f: changed_xml(
            f, lambda x: re.sub(rb"(<ds:SignatureValue[^>]*>)[^<]*", rb"\1", x)
        ),
    ),
    "another time": ("changed", replaced(b"SigningTime>2026-", b"SigningTime>2025-")),
    "another certificate": (
        "certificate",
        lambda f: changed_xml(
            f,
            lambda x: re.sub(rb"<ds:X509Certificate>[^<]*</ds:X509Certificate>", b"", x, count=1),
        ),
    ),
}  # fmt: skip


@pytest.mark.row("failures", "10")
@pytest.mark.parametrize("what", DECEPTIONS)
def test_a_container_that_deceives_is_refused(city: SigningCity, signed: Signed, what: str) -> None:
    reason, spoil = DECEPTIONS[what]
    known = question(city)
    assert outcome(known, zipped(signed)) == "good"
    assert outcome(known, spoil(signed)) == reason


def test_each_reason_has_its_sentence_on_the_page(city: SigningCity, signed: Signed) -> None:
    reasons = {reason for reason, _ in DECEPTIONS.values()} - {"bad"}
    assert reasons == set(SENTENCES)
    answer = verify(city, zipped({**signed, "more.txt": b""}))
    assert answer.status_code == 422
    assert "This container holds a file that was not signed." in html.unescape(answer.text)


def test_a_time_stamp_of_another_signature_proves_nothing(
    city: SigningCity, citizen: Visitor, signed: Signed
) -> None:
    stamp = re.compile(rb"<xades:EncapsulatedTimeStamp>[^<]*")
    other = stamp.search(in_container(city, citizen)[XADES])
    assert other is not None
    spoiled = changed_xml(signed, lambda xml: stamp.sub(other[0], xml))
    assert outcome(question(city), spoiled) == "bad"


@pytest.mark.parametrize("form", ["asic-xades", "asic-cades"])
def test_a_certificate_that_was_not_valid_then_is_no_good(
    city: SigningCity, citizen: Visitor, clock: FrozenClock, form: str
) -> None:
    whole = container(FILES, in_container(city, citizen, form))
    unstamped = container(FILES, in_container(city, citizen, form, "Ades-B-B"))
    known = question(city)
    early = {**known, "now": (clock.now() - timedelta(days=2)).isoformat()}
    assert outcome(early, unstamped) == "bad"
    clock.advance(timedelta(days=2))
    late = question(city)
    assert outcome(late, unstamped) == "unsure"
    assert outcome(late, whole) == "good"


@pytest.mark.row("failures", "10")
def test_a_revoked_certificate_is_told_also_after_it_ended(
    city: SigningCity, citizen: Visitor, clock: FrozenClock
) -> None:
    whole = container(FILES, in_container(city, citizen))
    (entry, *_) = city.runtime.audit.ledger(citizen.id)
    with city.runtime.database.write() as uow:
        serial = entry.details["serial"]
        city.deployment.parts["pki"].revoke(uow, serial, "keyCompromise", clock.now())
    clock.advance(timedelta(minutes=5))
    assert outcome(question(city), whole) == "bad"
    # Lists name it no more (RFC 5280 §3.3).
    clock.advance(timedelta(days=2))
    assert "certificate of whoever signed was revoked" in verify(city, whole).text


def test_somebody_elses_root_is_none_of_ours(city: SigningCity, signed: Signed) -> None:
    known: dict[str, Any] = {**question(city), "roots": [], "authorities": []}
    assert outcome(known, zipped(signed)) == "bad"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["asic-xades", "asic-cades"])
def test_one_changed_byte_anywhere_is_never_taken_for_the_same(
    city: SigningCity, citizen: Visitor, form: str
) -> None:
    whole = container(FILES, in_container(city, citizen, form))
    known = question(city)

    def contents(content: bytes) -> dict[str, bytes]:
        files = archive.files_in(content)
        return {name: one for name, one in files.items() if not name.startswith("META-INF")}

    @settings(
        max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.integers(0, len(whole) - 1), st.integers(1, 255))
    def holds(at: int, flip: int) -> None:
        spoiled = whole[:at] + bytes((whole[at] ^ flip,)) + whole[at + 1 :]
        # A date in the archive's directory may change: never a file, its name or who signed.
        if outcome(known, spoiled) == "good":
            assert contents(spoiled) == FILES

    holds()


@settings(max_examples=200, deadline=None, database=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fall_over(tail: bytes) -> None:
    with pytest.raises(Refused):
        archive.files_in(b"PK\x03\x04" + tail)
