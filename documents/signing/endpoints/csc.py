"""The API of the Cloud Signature Consortium for what a person agreed to sign — CSC API 2.x §11.

A transaction is a credential with a key for one act: its certificate is there once the person said
yes, and what was signed is fetched by activation data (SAD) that works once.
"""

from __future__ import annotations

import base64
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from documents.signing.endpoints import csc_seal
from documents.signing.endpoints.model import SCOPE, Body, hash_name_of
from documents.signing.errors import (
    AccessDenied,
    AuthorizationPending,
    CscInvalidRequest,
    InvalidOtpOrSad,
)
from documents.signing.signing import Signing
from documents.signing.transaction import (
    ASIC_CADES,
    ASIC_XADES,
    CADES,
    HASHES,
    JADES,
    LT,
    LTA,
    PADES,
    RAW,
    SIGNED,
    SIGNING,
    WAITING,
    B,
    Made,
    T,
    Transaction,
)
from foundation import web
from foundation.errors import NotFound
from foundation.settings import Jurisdiction, Server
from pki import TimeStampRefused

SPECS = "2.0.0.2"
SAD_SECONDS = 3600
_ECDSA = {
    "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3",
    "sha512": "1.2.840.10045.4.3.4",
}
_P256 = "1.2.840.10045.3.1.7"
_FORMS = {"C": (CADES, ASIC_CADES), "X": (ASIC_XADES,), "P": (PADES,), "J": (JADES,)}
_METHODS = (
    "credentials/list",
    "credentials/info",
    "credentials/authorize",
    "signatures/signHash",
    "signatures/signDoc",
    "signatures/timestamp",
)


def info(signing: Signing, request: Request) -> Response:
    """What this service can do (§11.1)."""
    url = signing.runtime.settings.of(Server).url
    place = signing.runtime.settings.of(Jurisdiction)
    return _answer(
        {
            "specs": SPECS,
            "name": place.name,
            "logo": f"{url}/static/emblem.svg",
            "region": place.country or "ZZ",
            "lang": place.languages[0],
            "description": "Signatures that people make at a distance, by keys for one act.",
            "authType": ["oauth2client"],
            "oauth2": url,
            "methods": list(_METHODS),
            "signAlgorithms": {"algos": list(_ECDSA.values())},
            "signature_formats": {
                "formats": list(_FORMS),
                "envelope_properties": [["Detached"], ["Detached"], [], ["Detached"]],
            },
            "conformance_levels": [B, T, LT, LTA],
        }
    )


def list_credentials(signing: Signing, request: Request) -> Response:
    """The transactions of the caller that are signed (§11.4)."""
    caller = web.require(request, kind="service", scope=SCOPE)
    Body(request)
    seals = [csc_seal.CREDENTIAL] if signing.sealing.has(caller.id) else []
    return _answer({"credentialIDs": [*seals, *signing.signed_for(caller.id)]})


def credential_info(signing: Signing, request: Request) -> Response:
    """Key, certificate and kind of authorisation of one (§11.5)."""
    body = Body(request)
    wanted = body.get("certificates") or "single"
    if wanted not in ("none", "single", "chain"):
        raise CscInvalidRequest("Invalid parameter certificates")
    if caller := _of_seal(signing, request, body):
        now = signing.runtime.clock.now()
        key = {"key": {"status": "enabled", "algo": list(_ECDSA.values()), "len": 256}}
        return _answer({**key, **csc_seal.info(signing.sealing, caller, wanted, now)})
    found = _credential(signing, request, body)
    chain = found.made.certificates if found.made is not None else ()
    shown = {"none": (), "single": chain[:1], "chain": chain}[wanted]
    return _answer(
        {
            "key": {
                # It was destroyed with the act: nothing further can be signed with it.
                "status": "disabled" if found.made is not None else "enabled",
                "algo": list(_ECDSA.values()),
                "len": 256,
                "curve": _P256,
            },
            "cert": {"status": "valid", "certificates": [_b64(one) for one in shown]},
            "auth": {"mode": "oauth2code"},
            "SCAL": "2",
            "multisign": len(found.asked.documents),
        }
    )


def authorize(signing: Signing, request: Request) -> Response:
    """Activation data for exactly the hashes that the person agreed to (§11.6)."""
    body = Body(request)
    if caller := _of_seal(signing, request, body):
        now = signing.runtime.clock.now()
        return _answer(csc_seal.authorize(signing.sealing, caller, body, now))
    found = _credential(signing, request, body)
    hash_name = hash_name_of(body.hash_algorithm())
    hashes = body.hashes()
    if body.integer("numSignatures") != len(hashes):
        raise CscInvalidRequest("Numbers of hashes and of signatures differ")
    _same(found, hashes, hash_name)
    state = found.state_at(signing.runtime.clock.now())
    if state in (WAITING, SIGNING):
        url = signing.runtime.settings.of(Server).url
        raise AuthorizationPending(f"The person has not answered yet: {url}{found.path}")
    if state != SIGNED:
        raise AccessDenied(f"There is no signature: {state}")
    return _answer({"SAD": signing.authorize(found), "expiresIn": SAD_SECONDS})


def sign_hash(signing: Signing, request: Request) -> Response:
    """The bare signatures over the hashes (§11.9)."""
    body = Body(request)
    caller = _of_seal(signing, request, body)
    sad, hash_name = body.text("SAD"), hash_name_of(body.hash_algorithm())
    if body.text("signAlgo") != _ECDSA[hash_name]:
        raise CscInvalidRequest("Invalid parameter signAlgo")
    if caller:
        now = signing.runtime.clock.now()
        return _answer(csc_seal.sign_hash(signing.sealing, caller, body, now))
    found = _credential(signing, request, body)
    _same(found, body.hashes(), hash_name)
    if found.asked.form != RAW:
        raise CscInvalidRequest("The person agreed to another form of signature: use signDoc")
    return _answer({"signatures": [_b64(one) for one in _spent(signing, found, sad).signatures]})


def sign_document(signing: Signing, request: Request) -> Response:
    """Signatures in CMS over the hashes of documents (§11.10, `documentDigests`)."""
    body = Body(request)
    found = _credential(signing, request, body)
    sad, digests = body.text("SAD"), body.array("documentDigests")
    if len(digests) != 1 or not isinstance(digests[0], dict):
        raise CscInvalidRequest("Send one documentDigests, with all hashes")
    one = digests[0]
    _same(found, body.hashes(one), hash_name_of(one.get("hashAlgorithmOID")))
    if found.asked.form not in _FORMS.get(str(one.get("signature_format")), ()):
        raise CscInvalidRequest("Invalid parameter signature_format")
    if one.get("conformance_level", found.asked.conformance) != found.asked.conformance:
        raise CscInvalidRequest("Invalid parameter conformance_level")
    made = _spent(signing, found, sad)
    answer: dict[str, Any] = {
        "DocumentWithSignature": [],
        "SignatureObject": list(map(_b64, made.signatures)),
    }
    if body.get("returnValidationInfo") is True and found.asked.is_for_later:
        answer["validationInfo"] = {
            "ocsp": list(map(_b64, made.answers)),
            "crl": list(map(_b64, made.lists)),
            "certificates": list(map(_b64, made.certificates)),
        }
    return _answer(answer)


def time_stamp(signing: Signing, request: Request) -> Response:
    """A time stamp for a hash (§11.12)."""
    web.require(request, kind="service", scope=SCOPE)
    body = Body(request)
    (digest, *more), algorithm = body.hashes(), body.text("hashAlgo")
    nonce = body.text("nonce", required=False)
    if more or (nonce and not (len(nonce) <= 32 and _is_hex(nonce))):
        raise CscInvalidRequest("Invalid parameter nonce")
    try:
        token = signing.authority.time_stamping.stamp(
            algorithm, digest, int(nonce, 16) if nonce else None
        )
    except TimeStampRefused as refused:
        raise CscInvalidRequest(refused.sentence) from None
    return _answer({"timestamp": _b64(token)})


def _of_seal(signing: Signing, request: Request, body: Body) -> str:
    """The caller, who means its own seal; else empty."""
    caller = web.require(request, kind="service", scope=SCOPE)
    meant = body.text("credentialID") == csc_seal.CREDENTIAL
    return caller.id if meant and signing.sealing.has(caller.id) else ""


def _credential(signing: Signing, request: Request, body: Body) -> Transaction:
    caller = web.require(request, kind="service", scope=SCOPE)
    try:
        return signing.of_service(caller.id, body.text("credentialID"))
    except NotFound:
        raise CscInvalidRequest("Invalid parameter credentialID") from None


def _same(found: Transaction, hashes: tuple[bytes, ...], hash_name: str) -> None:
    agreed = tuple(document.digest for document in found.asked.documents)
    if hashes != agreed or hash_name != HASHES[found.asked.algorithm]:
        raise CscInvalidRequest("Hashes are not those that the person was asked about")


def _spent(signing: Signing, found: Transaction, sad: str) -> Made:
    made = signing.spend(found, sad)
    if made is None:
        raise InvalidOtpOrSad("The SAD is not valid, or was used already")
    return made


def _answer(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _is_hex(text: str) -> bool:
    return all(c in "0123456789abcdefABCDEF" for c in text)
