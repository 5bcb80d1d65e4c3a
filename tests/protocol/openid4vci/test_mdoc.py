"""Credentials as ISO mdoc are put into a wallet — OpenID4VCI Annex A.2, ISO/IEC 18013-5."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from documents.credentials import status_list
from documents.credentials.mdoc import cbor, cose
from documents.credentials.mdoc.cbor import Tag
from documents.credentials.mdoc.issued import plain
from documents.credentials.sd_jwt import base64url, from_base64url
from tests.support import mdocs
from tests.support.city import Visitor
from tests.support.lockers import SAID, Lockers
from tests.support.wallets import Phone, offer_page

IDENTITY, RESIDENCE = "credential.identity", "credential.town-hall.residence"


@pytest.fixture
def mobile(phone: Phone) -> Phone:
    """A phone that reads mdoc."""
    phone.form = "mso_mdoc"
    return phone


@pytest.mark.rfc("OpenID4VCI", "A.2")
def test_the_issuer_says_what_there_is_as_mdoc(city: Lockers) -> None:
    said = city.browser().http.get("/.well-known/openid-credential-issuer").json()
    found = said["credential_configurations_supported"][f"{IDENTITY}.mso_mdoc"]
    host = urlsplit(city.locker.originals.url).hostname or ""
    doctype = ".".join((*reversed(host.split(".")), IDENTITY))
    assert (found["format"], found["doctype"]) == ("mso_mdoc", doctype)
    assert found["scope"] == f"{IDENTITY}.mso_mdoc"
    assert found["cryptographic_binding_methods_supported"] == ["cose_key"]
    assert found["credential_signing_alg_values_supported"] == [-7]
    assert "vct" not in found
    paths = [claim["path"] for claim in found["credential_metadata"]["claims"]]
    assert [doctype, "age_over_18"] in paths
    residence = said["credential_configurations_supported"][f"{RESIDENCE}.mso_mdoc"]
    names = [claim["path"][1] for claim in residence["credential_metadata"]["claims"]]
    assert {"number", "holder.name", "content.street"} <= set(names)


@pytest.mark.rfc("OpenID4VCI", "A.2")
@pytest.mark.row("privacy", "P-1")
def test_a_person_puts_their_identity_into_a_wallet_that_reads_mdoc(
    city: Lockers, mobile: Phone, citizen: Visitor
) -> None:
    offer, typed = mobile.read(offer_page(citizen, IDENTITY).text)
    # One offer, and the wallet takes the form that it reads.
    assert offer["credential_configuration_ids"] == [IDENTITY, f"{IDENTITY}.mso_mdoc"]
    assert mobile.redeem(offer, typed).status_code == 200
    given = mobile.ask(copies=3).json()
    copies = [mdocs.read(one["credential"]) for one in given["credentials"]]
    places, numbers = set(), set()
    for copy, key in zip(copies, mobile.keys, strict=True):
        said, shown = mdocs.signed(copy), mdocs.items(copy)
        assert (said["version"], said["digestAlgorithm"]) == ("1.0", "SHA-256")
        assert (set(said["valueDigests"]), set(copy["nameSpaces"])) == ({said["docType"]},) * 2
        point = key.public_key().public_numbers()
        assert said["deviceKeyInfo"]["deviceKey"] == {
            1: 2,
            -1: 1,
            -2: point.x.to_bytes(32, "big"),
            -3: point.y.to_bytes(32, "big"),
        }
        assert shown["name"]["elementValue"] == city.record(citizen.id)["name"]
        assert shown["birthdate"]["elementValue"] == Tag(1004, "1990-05-17")
        assert shown["age_over_65"]["elementValue"] is False
        assert {len(one["random"]) for one in shown.values()} == {32}
        places.add(said["status"]["status_list"]["idx"])
        numbers.add(tuple(one["digestID"] for one in shown.values()))
    # Nothing but the day joins the copies.
    assert len(places) == len(numbers) == 3
    assert len({str(mdocs.signed(copy)["validityInfo"]) for copy in copies}) == 1
    assert "wallet.issued" in city.kinds(citizen.id)


@pytest.mark.row("privacy", "P-1")
def test_how_many_digests_there_are_does_not_tell_how_little_it_is(
    city: Lockers, mobile: Phone, citizen: Visitor
) -> None:
    (copy,) = (mdocs.read(one) for one in mobile.take(citizen, IDENTITY, give=["age_over_18"]))
    assert set(mdocs.items(copy)) == {"age_over_18", "assurance_level"}
    (whole,) = (mdocs.read(one) for one in mobile.take(citizen, IDENTITY))
    little, much = (mdocs.signed(one)["valueDigests"] for one in (copy, whole))
    assert {len(one) for one in little.values()} == {len(one) for one in much.values()}
    ((digests,),) = (little.values(),)
    assert list(digests) == sorted(digests)
    assert {len(one) for one in digests.values()} == {32}


@pytest.mark.rfc("ISO/IEC 18013-5", "9.3.1")
def test_it_is_signed_while_the_certificate_is_good(
    city: Lockers, mobile: Phone, citizen: Visitor
) -> None:
    """The certificate is of today, and a day begins before it."""
    (copy,) = (mdocs.read(one) for one in mobile.take(citizen, IDENTITY))
    signature = cose.read(copy["issuerAuth"])
    leaf = x509.load_der_x509_certificate(signature.chain()[0])
    times = mdocs.signed(copy)["validityInfo"]
    assert times["signed"].value == leaf.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    # The next day it is the day, for everybody.
    city.clock.advance(timedelta(days=1))
    assert mobile.refresh_tokens().status_code == 200
    (later,) = mobile.ask().json()["credentials"]
    times = mdocs.signed(mdocs.read(later["credential"]))["validityInfo"]
    assert times["signed"].value.endswith("T00:00:00Z")
    assert times["validUntil"].value.endswith("T00:00:00Z")


def test_a_document_is_carried_as_mdoc(city: Lockers, mobile: Phone, citizen: Visitor) -> None:
    office = city.program(city.office)
    assert office.make_out(citizen.id).status_code == 201
    (document,) = set(re.findall(r"credential=(doc_\w+)", citizen.get("/account/wallet").text))
    (copy,) = (mdocs.read(one) for one in mobile.take(citizen, document))
    shown = {name: plain(one["elementValue"]) for name, one in mdocs.items(copy).items()}
    assert shown["number"] == "R-1"
    assert shown["holder.birthdate"] == "1990-05-17"
    assert {name: shown[f"content.{name}"] for name in SAID} == SAID


@pytest.mark.rfc("Token Status List", "8.1")
@pytest.mark.row("privacy", "P-6")
def test_its_status_is_read_in_cbor_too(city: Lockers, mobile: Phone, citizen: Visitor) -> None:
    (copy,) = (mdocs.read(one) for one in mobile.take(citizen, IDENTITY))
    place = mdocs.signed(copy)["status"]["status_list"]
    path = place["uri"].removeprefix(city.locker.originals.url)

    def status() -> int:
        city.clock.advance(timedelta(seconds=16))
        accepts = {"Accept": "application/statuslist+cwt"}
        answer = city.browser().http.get(path, headers=accepts)
        assert answer.headers["content-type"] == "application/statuslist+cwt"
        assert answer.headers["vary"] == "Accept"
        tagged = cbor.decode(answer.content)
        assert tagged.number == 18
        signature = cose.read(tagged.value)
        assert signature.headers == {1: -7, 16: "application/statuslist+cwt"}
        leaf = x509.load_der_x509_certificate(signature.chain()[0])
        assert list(signature.chain()) == list(cose.read(copy["issuerAuth"]).chain())
        signature.verify(leaf.public_key(), "ES256", signature.payload or b"")
        said = cbor.decode(signature.payload or b"")
        assert (said[2], said[65534]) == (place["uri"], 300)
        assert said[4] - said[6] == 86_400
        listed = said[65533]
        as_json = {"bits": listed["bits"], "lst": base64url(listed["lst"])}
        return status_list.status_at(as_json, place["idx"])

    assert status() == 0
    page = citizen.get("/account/wallet").text
    (batch,) = re.findall(r'name="batch" value="([^"]+)"', page)
    done = citizen.mean_it("/account/wallet/end", "/account/wallet", act="end", batch=batch)
    assert done.status_code == 303
    assert status() == 1


def test_nothing_has_a_second_spelling(city: Lockers, mobile: Phone, citizen: Visitor) -> None:
    (copy,) = mobile.take(citizen, IDENTITY)
    raw = from_base64url(copy)
    assert cbor.encode(cbor.decode(raw)) == raw
