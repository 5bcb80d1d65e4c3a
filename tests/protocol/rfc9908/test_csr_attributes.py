"""What a request should contain: for old clients a list, for newer ones a template — RFC 9908.

Both are read here by `pyasn1_alt_modules`, which is not ours.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509
from pyasn1.codec.der import decoder, encoder
from pyasn1_alt_modules import rfc5280, rfc7030, rfc9908

from pki.linking import Linking
from tests.support.devices import LAMPS, Town, certificates_in, csr, new_key
from tests.support.est import EST, ask, enrolled, says_why

EC, P256, ECDSA_SHA256 = "1.2.840.10045.2.1", "1.2.840.10045.3.1.7", "1.2.840.10045.4.3.2"
ML_DSA_65 = "2.16.840.1.101.3.4.3.18"
EXTENSION_REQUEST, CHALLENGE = "1.2.840.113549.1.9.14", "1.2.840.113549.1.9.7"


def wanted(town: Town, label: str = "", **request: Any) -> tuple[dict[str, list[bytes]], set[str]]:
    """The attributes by type, each with its values' DER, and the bare OIDs."""
    answer = town.https.get(f"{EST}{label}/csrattrs", **request)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/csrattrs"
    der = base64.b64decode(answer.content, validate=True)
    found, rest = decoder.decode(der, asn1Spec=rfc7030.CsrAttrs())
    assert not rest
    attributes, oids = {}, set()
    for one in found:
        if one.getName() == "oid":
            oids.add(str(one["oid"]))
        else:
            attribute = one["attribute"]
            assert str(attribute["attrType"]) not in attributes
            attributes[str(attribute["attrType"])] = [bytes(v) for v in attribute["attrValues"]]
    return attributes, oids


def template(attributes: dict[str, list[bytes]]) -> Any:
    (der,) = attributes[str(rfc9908.id_aa_certificationRequestInfoTemplate)]
    found, rest = decoder.decode(der, asn1Spec=rfc9908.CertificationRequestInfoTemplate())
    assert not rest
    assert encoder.encode(found) == der, "it is DER"
    return found


def extensions(found: Any) -> dict[str, Any]:
    (request,) = [a for a in found["attributes"] if str(a["type"]) == EXTENSION_REQUEST]
    (der,) = [bytes(v) for v in request["values"]]
    read, _ = decoder.decode(der, asn1Spec=rfc5280.Extensions())
    return {str(e["extnID"]): bytes(e["extnValue"]) for e in read}


@pytest.mark.rfc("9908", "3.2")
@pytest.mark.rfc("8951", "4")
@pytest.mark.parametrize("label", ["", "/devices", "/devices-short", "/devices-made-here"])
def test_an_old_client_reads_the_kind_of_key_and_the_signature(town: Town, label: str) -> None:
    attributes, oids = wanted(town, label)
    (curve,) = attributes[EC]
    assert str(decoder.decode(curve)[0]) == P256
    assert oids == {ECDSA_SHA256}


@pytest.mark.rfc("9908", "3.4")
def test_for_a_stranger_the_template_names_key_and_usage_and_no_subject(town: Town) -> None:
    found = template(wanted(town)[0])
    assert int(found["version"]) == 0
    assert not found["subject"].isValue
    key = found["subjectPKInfo"]["algorithm"]
    assert str(key["algorithm"]) == EC
    assert str(decoder.decode(bytes(key["parameters"]))[0]) == P256
    assert not found["subjectPKInfo"]["subjectPublicKey"].isValue
    assert set(extensions(found)) == {"2.5.29.15"}


@pytest.mark.rfc("9908", "3.4")
@pytest.mark.parametrize("by", ["token", "certificate"])
def test_for_a_known_caller_the_template_holds_its_names(town: Town, by: str) -> None:
    name = ("eui64", "00-24-BE-FF-FE-80-4F-F1")
    request: dict[str, Any] = {}
    if by == "token":
        registered = town.city.register("Lamp", LAMPS, name)
        request["auth"] = (registered.device.id, registered.token)
    else:
        registered, _, town.peer.certificate = enrolled(town, "device", name)
    found = template(wanted(town, **request)[0])
    ((attribute,),) = found["subject"]["rdnSequence"]
    assert str(attribute["type"]) == "2.5.4.3"
    said, _ = decoder.decode(bytes(attribute["value"]))
    assert str(said) == registered.device.id
    held = extensions(found)
    assert set(held) == {"2.5.29.15", "2.5.29.17"}
    assert registered.device.identifiers[0].uri.encode() in held["2.5.29.17"]


@pytest.mark.rfc("9908", "4")
def test_a_request_made_from_the_template_is_accepted(town: Town) -> None:
    name = ("eui64", "00-24-BE-FF-FE-80-4F-F1")
    registered = town.city.register("Lamp", LAMPS, name)
    found = template(wanted(town, auth=(registered.device.id, registered.token))[0])
    held = extensions(found)
    subject, _ = decoder.decode(bytes(found["subject"]["rdnSequence"][0][0]["value"]))
    usage, _ = decoder.decode(held["2.5.29.15"])
    assert str(usage.asBinary()) == "1", "digitalSignature alone"
    uri = x509.UniformResourceIdentifier(registered.device.identifiers[0].uri)
    flags = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False,
    )  # fmt: skip
    body = csr(
        new_key(),
        str(subject),
        (x509.KeyUsage(digital_signature=True, **flags), True),
        (x509.SubjectAlternativeName([uri]), False),
    )
    answer = ask(town, "simpleenroll", body, registered)
    assert answer.status_code == 200, answer.text
    (certificate,) = certificates_in(answer.content)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [uri]


@pytest.mark.rfc("9908", "3.2")
def test_an_ml_dsa_label_names_ml_dsa(town: Town) -> None:
    attributes, oids = wanted(town, "/devices-mldsa")
    assert attributes[ML_DSA_65] == []
    assert not oids
    algorithm = template(attributes)["subjectPKInfo"]["algorithm"]
    assert str(algorithm["algorithm"]) == ML_DSA_65
    assert not algorithm["parameters"].isValue, "RFC 9881 §2: absent"


@pytest.mark.rfc("7030", "4.5.1")
@pytest.mark.parametrize("here", [True, False])
def test_where_linking_is_a_must_the_linking_listener_asks_for_it(town: Town, here: bool) -> None:
    town.city.pki.linking = Linking("127.0.0.1:9443", required=True)
    town.peer.tls_unique = b"unique" if here else None
    attributes, oids = wanted(town)
    inside = {str(a["type"]) for a in template(attributes)["attributes"]}
    assert (CHALLENGE in oids, CHALLENGE in inside) == (here, here)


@pytest.mark.rfc("7030", "4.5")
def test_wrong_credentials_are_refused_and_a_label_of_others_too(town: Town) -> None:
    registered = town.city.register()
    device_id = registered.device.id
    says_why(town.https.get(f"{EST}/csrattrs", auth=(device_id, "wrong")), 401, "token_unknown")
    refused = town.https.get(f"{EST}/devices-short/csrattrs", auth=(device_id, registered.token))
    says_why(refused, 403, "label_not_allowed")
    answer = ask(town, "simpleenroll", csr(new_key(), None), registered)
    assert answer.status_code == 200, "asking does not spend the token"
