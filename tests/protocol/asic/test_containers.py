"""Containers of files and signatures over them — ETSI EN 319 162-1, EN 319 132-1."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from lxml import etree

from documents.signing import container
from foundation.clock import FrozenClock
from tests.protocol.csc.test_verify import verify
from tests.support.city import Visitor
from tests.support.signing import FILES, SigningCity, in_container, of_files, sign

FORMS = ("asic-xades", "asic-cades")
GOOD = "It is good: nothing was changed, and the certificate is ours."


def said(city: SigningCity, content: bytes) -> str:
    return html.unescape(verify(city, content).text)


@pytest.mark.parametrize(
    ("form", "level"),
    [
        ("asic-xades", "Ades-B-B"),
        ("asic-xades", "Ades-B-LT"),
        ("asic-cades", "Ades-B-T"),
    ],
)
def test_a_container_is_said_to_be_good_with_who_and_when(
    city: SigningCity, citizen: Visitor, clock: FrozenClock, form: str, level: str
) -> None:
    whole = container(FILES, in_container(city, citizen, form, level))
    told = said(city, whole)
    assert GOOD in told, told
    assert city.signing.parties.name_of(citizen.id) in told
    assert ("proven by a time stamp" in told) == (level != "Ades-B-B")
    clock.advance(timedelta(days=3))
    told = said(city, whole)
    assert (GOOD in told) == (level != "Ades-B-B")


def test_what_is_shown_is_what_is_signed(city: SigningCity, citizen: Visitor) -> None:
    asked = city.service.ask(**of_files(form="asic-xades"))
    page = html.unescape(citizen.get(f"/sign/{asked['transaction']}").text)
    for name in FILES:
        assert f"<bdi>{name}</bdi>" in page
    assert page.count("text/plain") == len(FILES)


@pytest.mark.parametrize("form", FORMS)
def test_a_second_signer_adds_a_signature_and_one_entry_in_the_ledger_each(
    city: SigningCity, citizen: Visitor, form: str
) -> None:
    first = in_container(city, citizen, form)
    second = in_container(city, citizen, form, signatures_before=1)
    assert set(first) & set(second) <= {"META-INF/manifest.xml"}
    told = said(city, container(FILES, {**first, **second}))
    assert told.count(GOOD) == 2
    kinds = [e.kind for e in city.runtime.audit.ledger(citizen.id, limit=100)]
    assert kinds.count("signature.made") == 2


def test_what_is_written_is_in_canonical_form_by_libxml2(
    city: SigningCity, citizen: Visitor
) -> None:
    files = {'a"<&>b.txt': b"1", "Öö.txt": b"2"}
    xml = in_container(city, citizen, files=files)["META-INF/signatures0.xml"]
    hashed = ("SignedInfo", "SignatureValue", "SignedProperties")
    found = [one for one in etree.fromstring(xml).iter() if etree.QName(one).localname in hashed]
    assert len(found) == len(hashed)
    for one in found:
        assert etree.tostring(one, method="c14n", exclusive=True, with_tail=False) in xml


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "../a.txt"},
        {"name": "META-INF"},
        {"name": "mimetype"},
        {"name": "a\u0308.txt"},
        {"name": "a\u202etxt.exe"},
        {"name": ""},
        {"media_type": 'text/plain"'},
        {"media_type": "text"},
    ],
)
def test_a_name_that_means_something_else_is_not_signed(
    city: SigningCity, changed: Mapping[str, Any]
) -> None:
    body = of_files({"a.txt": b"a"}, form="asic-xades")
    body["documents"][0].update(changed)
    assert city.service.post("/sign/v1/transactions", body).status_code == 422


def test_two_files_of_one_name_and_levels_that_a_form_has_not_are_refused(
    city: SigningCity,
) -> None:
    body = of_files({"a.txt": b"a"}, form="jades")
    assert (
        city.service.post(
            "/sign/v1/transactions", {**body, "documents": body["documents"] * 2}
        ).status_code
        == 422
    )
    for form, level in (("jades", "Ades-B-LT"), ("raw", "Ades-B-T"), ("asic-cades", "Ades-B-LTA")):
        wanted = {**body, "form": form, "conformance_level": level}
        assert city.service.post("/sign/v1/transactions", wanted).status_code == 422


def test_a_container_is_fetched_by_csc_too(city: SigningCity, citizen: Visitor) -> None:
    files = {"a.txt": b"a"}
    asked = city.service.ask(**of_files(files, form="asic-xades"))
    sign(citizen, f"/sign/{asked['transaction']}")
    hashes = {
        "hashes": [one["hash"] for one in of_files(files)["documents"]],
        "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
    }
    credential = {"credentialID": asked["transaction"]}
    wanted = {**credential, **hashes, "numSignatures": 1}
    sad = city.service.post("/csc/v2/credentials/authorize", wanted).json()["SAD"]
    body = {**credential, "SAD": sad, "documentDigests": [{**hashes, "signature_format": "X"}]}
    (xml,) = city.service.post("/csc/v2/signatures/signDoc", body).json()["SignatureObject"]
    told = city.service.look(asked["transaction"])
    assert told["files"]["META-INF/signatures0.xml"] == xml
    assert b"XAdESSignatures" in base64.b64decode(xml)
