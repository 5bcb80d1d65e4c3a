"""PDFs that are verified in years: B-LT and B-LTA — ETSI EN 319 142-1 §5.4, §5.5."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.dss import DocumentSecurityStore

from documents.signing import prepare
from foundation.clock import FrozenClock
from tests.protocol.csc.test_pdf import signed_pdf
from tests.support.city import Visitor
from tests.support.pdfs import embedded, pdf, verdict
from tests.support.signing import SigningCity, for_later, sign
from tests.support.spoiling import outcome, question


@pytest.mark.parametrize("level", ["Ades-B-LT", "Ades-B-LTA"])
def test_what_later_verifiers_need_comes_along(
    city: SigningCity, citizen: Visitor, clock: FrozenClock, level: str
) -> None:
    whole = for_later(city, citizen, pdf(), level)
    found = embedded(whole)
    store = DocumentSecurityStore.read_dss(found.reader)
    assert store.crls
    assert store.ocsps
    assert len(store.certs) >= 4
    assert len(found.reader.embedded_timestamp_signatures) == (level == "Ades-B-LTA")
    assert verdict(city, whole).bottom_line
    clock.advance(timedelta(days=400))
    assert outcome(question(city), whole) == "good"


def test_a_pdf_is_signed_by_several_in_order(city: SigningCity, citizen: Visitor) -> None:
    first = signed_pdf(city, citizen)
    prepared = prepare(first, city.clock.now())
    digest = base64.b64encode(prepared.digest).decode()
    asked = city.service.ask(documents=[{"title": "Contract", "hash": digest}], form="pades")
    sign(citizen, f"/sign/{asked['transaction']}")
    both = prepared.with_signature(city.service.signature(asked["transaction"]))
    assert both.startswith(first)
    from io import BytesIO

    assert len(PdfFileReader(BytesIO(both)).embedded_regular_signatures) == 2
    assert outcome(question(city), both) == "good"


def test_csc_tells_what_later_verifiers_need(city: SigningCity, citizen: Visitor) -> None:
    prepared = prepare(pdf(), city.clock.now())
    digest = base64.b64encode(prepared.digest).decode()
    asked = city.service.ask(
        documents=[{"title": "Contract", "hash": digest}],
        form="pades",
        conformance_level="Ades-B-LT",
    )
    sign(citizen, f"/sign/{asked['transaction']}")
    credential = {"credentialID": asked["transaction"]}
    hashes = {"hashes": [digest], "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1"}
    wanted = {**credential, **hashes, "numSignatures": 1}
    sad = city.service.post("/csc/v2/credentials/authorize", wanted).json()["SAD"]
    one = {**hashes, "signature_format": "P", "conformance_level": "Ades-B-LT"}
    body = {**credential, "SAD": sad, "documentDigests": [one], "returnValidationInfo": True}
    told = city.service.post("/csc/v2/signatures/signDoc", body).json()["validationInfo"]
    looked = city.service.look(asked["transaction"])
    assert told["ocsp"] == looked["answers"]
    assert told["crl"] == looked["lists"]
    assert told["certificates"] == looked["certificates"]
