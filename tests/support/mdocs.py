"""An mdoc as its holder has it, shown whole or spoiled — ISO/IEC 18013-5 §8.3.2, for the tests."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from documents.credentials.mdoc import cbor
from documents.credentials.mdoc.cbor import Tag
from documents.credentials.sd_jwt import base64url, from_base64url
from foundation import algorithms

ES256 = cbor.encode({1: -7})


def read(credential: str) -> dict[str, Any]:
    """IssuerSigned, as it is."""
    found: dict[str, Any] = cbor.decode(from_base64url(credential))
    return found


def signed(issuer_signed: dict[str, Any]) -> dict[str, Any]:
    """What the issuer signed of it: the security object."""
    found: dict[str, Any] = cbor.inside(cbor.decode(issuer_signed["issuerAuth"][2]))
    return found


def items(issuer_signed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The elements by name, each with its salt and its number."""
    (listed,) = issuer_signed["nameSpaces"].values()
    found = [cbor.inside(one) for one in listed]
    return {one["elementIdentifier"]: one for one in found}


def choose(issuer_signed: dict[str, Any], *names: str) -> dict[str, Any]:
    """The mdoc with these elements alone."""
    ((namespace, listed),) = issuer_signed["nameSpaces"].items()
    kept = [one for one in listed if cbor.inside(one)["elementIdentifier"] in names]
    return {**copy.deepcopy(issuer_signed), "nameSpaces": {namespace: kept}}


def transcript(request: dict[str, Any], **changed: Any) -> Any:
    """SessionTranscript by OpenID4VP, Annex B.2.6.1."""
    keys = request.get("client_metadata", {}).get("jwks", {}).get("keys")
    thumbprint = from_base64url(ECKey.import_key(keys[0]).thumbprint()) if keys else None
    said = {
        "client_id": request["client_id"],
        "nonce": request["nonce"],
        "thumbprint": thumbprint,
        "response_uri": request["response_uri"],
        **changed,
    }
    info = cbor.encode(list(said.values()))
    return [None, None, ["OpenID4VPHandover", hashlib.sha256(info).digest()]]


def signature(key: ec.EllipticCurvePrivateKey, protected: bytes, payload: bytes) -> bytes:
    return algorithms.sign("ES256", key, cbor.encode(["Signature1", protected, b"", payload]))


def response(
    issuer_signed: dict[str, Any],
    key: ec.EllipticCurvePrivateKey,
    request: dict[str, Any],
    spoil: Callable[[dict[str, Any]], None] = lambda _: None,
    **changed: Any,
) -> dict[str, Any]:
    """DeviceResponse, signed for the request; `changed` of its transcript. `spoil`: of what is in
    it before the device signs."""
    doctype = signed(issuer_signed)["docType"]
    document = {
        "docType": doctype,
        "issuerSigned": issuer_signed,
        "deviceSigned": {"nameSpaces": cbor.embedded({}), "deviceAuth": {}},
    }
    spoil(document)
    authentication = [
        "DeviceAuthentication",
        transcript(request, **changed),
        doctype,
        document["deviceSigned"]["nameSpaces"],
    ]
    payload = cbor.encode(cbor.embedded(authentication))
    made: list[Any] = [ES256, {}, None, signature(key, ES256, payload)]
    document["deviceSigned"]["deviceAuth"] = {"deviceSignature": made}
    return {"version": "1.0", "documents": [document], "status": 0}


def shown(*args: Any, **more: Any) -> str:
    """The same as a wallet sends it."""
    return base64url(cbor.encode(response(*args, **more)))


def again(
    issuer_signed: dict[str, Any],
    key: ec.EllipticCurvePrivateKey,
    change: Callable[[dict[str, Any]], None] = lambda _: None,
    headers: dict[Any, Any] | None = None,
) -> dict[str, Any]:
    """Another security object, signed by a key of one's own under the same certificate."""
    said = signed(issuer_signed)
    change(said)
    payload = cbor.encode(Tag(24, cbor.encode(said)))
    protected = cbor.encode({1: -7, **(headers or {})})
    _, unprotected, _, _ = issuer_signed["issuerAuth"]
    made = [protected, unprotected, payload, signature(key, protected, payload)]
    return {**issuer_signed, "issuerAuth": made}
