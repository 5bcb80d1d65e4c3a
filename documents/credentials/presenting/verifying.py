"""Is what was shown genuine, this person's wallet's, for us, for now, and what was asked?

OpenID4VP §14, RFC 9901 §7.3, SD-JWT VC §3.5, Token Status List §8.3. Each refusal has a word of its
own: a service tells its person what to do with it.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.exceptions import InvalidSignature

from documents.credentials import sd_jwt, status_list
from documents.credentials.configurations import FORMAT
from documents.credentials.malformed import Malformed
from documents.credentials.presenting.wanted import Path, Wanted, at
from foundation import algorithms

Chain = Sequence[bytes]
IssuerKey = Callable[[Chain, datetime], Any]
"""The key of the first of these certificates (DER), if it is one of our issuer's and good now.
Raises Refused."""

ISSUER_ALGORITHMS = ("ES256", "ES384")
HOLDER_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "Ed25519": "EdDSA"}
KEY_BINDING_TYPE = "kb+jwt"
SKEW = timedelta(minutes=1)
FRESH = timedelta(minutes=10)
OLDEST_LIST = timedelta(days=1)


class Refused(Exception):
    """Why what was shown does not count. `code` is a word for programs."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown of one credential, no more than was asked. `place`: in the status list."""

    claims: Mapping[str, Any]
    list_uri: str
    idx: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What a presentation is held against: the issuer, whom it is for, the request's nonce, where
    the answer goes, and the key that it is encrypted to (RFC 7638), if it is."""

    issuer: str
    audience: str
    nonce: str
    response_uri: str = ""
    thumbprint: bytes | None = None


def verify_sd_jwt(
    presented: str,
    wanted: Wanted,
    expected: Expected,
    issuer_key: IssuerKey,
    lists: StatusLists,
    now: datetime,
) -> Shown:
    """What was shown, once everything about it holds. Raises Refused."""
    try:
        parts = sd_jwt.split(presented)
    except Malformed as fault:
        raise Refused(fault.code, str(fault)) from None
    payload = _issued(parts.token, issuer_key, now)
    if payload.get("iss") != expected.issuer:
        raise Refused("wrong_issuer", "The credential is of another issuer.")
    if payload.get("vct") != wanted.types[FORMAT]:
        raise Refused("wrong_type", "It is a credential of another kind than was asked for.")
    _check_times(payload, now)
    try:
        claims = sd_jwt.disclosed(payload, parts.disclosures)
    except Malformed as fault:
        raise Refused(fault.code, str(fault)) from None
    _check_holder(parts, payload, expected, now)
    uri, idx = place_of(payload.get("status"))
    lists.check(uri, idx, now)
    return Shown(asked_of(wanted, lambda path: at(claims, path)), uri, idx)


# ── the issuer's part ─────────────────────────────────────────────────────────────────


def _issued(token: str, issuer_key: IssuerKey, now: datetime) -> dict[str, Any]:
    header = _header(token)
    if header.get("typ") != FORMAT:
        raise Refused("wrong_format", "This is no credential of the form that was asked for.")
    return _by_chain(token, header, issuer_key, now)


def _by_chain(
    token: str, header: Mapping[str, Any], issuer_key: IssuerKey, now: datetime
) -> dict[str, Any]:
    """The payload, signed by who has the first certificate of `x5c` (RFC 7515 §4.1.6)."""
    if header.get("alg") not in ISSUER_ALGORITHMS:
        raise Refused("wrong_algorithm", "It is signed in a way that does not count here.")
    key = issuer_key(_chain(header), now)
    return _payload(token, key, str(header["alg"]), "wrong_signature")


def _chain(header: Mapping[str, Any]) -> Chain:
    listed = header.get("x5c")
    if not isinstance(listed, list) or not 1 <= len(listed) <= 5:
        raise Refused("no_certificate", "It does not say by which certificate it is signed.")
    try:
        return [base64.b64decode(one, validate=True) for one in listed]
    except (TypeError, ValueError):
        raise Refused("no_certificate", "Its certificate cannot be read.") from None


def _header(token: str) -> Mapping[str, Any]:
    try:
        header = json.loads(sd_jwt.from_base64url(token.partition(".")[0]))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise Refused("malformed", "What was shown cannot be read.")
    if "crit" in header:
        raise Refused(
            "critical_header", "It has a header that must be understood, and is not known here."
        )
    return header


def _payload(token: str, key: Any, algorithm: str, code: str) -> dict[str, Any]:
    signing_input, _, signature = token.rpartition(".")
    _, _, content = signing_input.partition(".")
    try:
        signed, raw = signing_input.encode("ascii"), sd_jwt.from_base64url(content)
        algorithms.verify(algorithm, key, sd_jwt.from_base64url(signature), signed)
        payload = json.loads(raw)
    except (InvalidSignature, ValueError, RecursionError):
        raise Refused(code, "It was changed after it was signed, or somebody else signed it."
                      ) from None  # fmt: skip
    if not isinstance(payload, dict):
        raise Refused("malformed", "What was shown cannot be read.")
    return payload


def _check_times(payload: Mapping[str, Any], now: datetime) -> None:
    expires, begins, issued = (_number(payload, name) for name in ("exp", "nbf", "iat"))
    at_ = now.timestamp()
    if expires is None or expires <= at_:
        raise Refused("expired", "The credential has expired; the wallet can get a new one.")
    if max(begins or 0, issued or 0) > at_ + SKEW.total_seconds():
        raise Refused("not_yet_valid", "The credential is not valid yet.")


# ── the holder's part ─────────────────────────────────────────────────────────────────


def _check_holder(
    parts: sd_jwt.SdJwt, payload: Mapping[str, Any], expected: Expected, now: datetime
) -> None:
    """The proof that the key of this copy was there, for this request (RFC 9901 §7.3)."""
    if parts.key_binding is None:
        raise Refused("no_key_binding", "The wallet did not prove that the credential is its.")
    bound_to = payload.get("cnf")
    jwk = bound_to.get("jwk") if isinstance(bound_to, dict) else None
    algorithm = HOLDER_ALGORITHMS.get(str(jwk.get("crv"))) if isinstance(jwk, dict) else None
    if not isinstance(jwk, dict) or algorithm is None:
        raise Refused("no_holder_key", "The credential is bound to no key.")
    header = _header(parts.key_binding)
    if header.get("typ") != KEY_BINDING_TYPE or header.get("alg") != algorithm:
        raise Refused("wrong_key_binding", "The wallet's proof is of another form.")
    try:
        key = jwt.PyJWK.from_dict({**jwk, "alg": algorithm}).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise Refused("no_holder_key", "The credential is bound to no key.") from None
    claims = _payload(parts.key_binding, key, algorithm, "wrong_holder")
    if claims.get("aud") != expected.audience:
        raise Refused("wrong_audience", "It was shown to somebody else, and passed on.")
    if not hmac.compare_digest(str(claims.get("nonce")).encode(), expected.nonce.encode()):
        raise Refused("wrong_nonce", "It was shown for another request.")
    if claims.get("sd_hash") != parts.digest:
        raise Refused("wrong_sd_hash", "What is disclosed is not what the wallet agreed to.")
    issued = _number(claims, "iat")
    age = None if issued is None else now.timestamp() - issued
    # Its nonce is of minutes ago: here only a clock that is far off is noticed, and phones' are.
    if age is None or abs(age) > FRESH.total_seconds():
        raise Refused("stale_key_binding", "The wallet's proof is not of now.")


# ── the status ────────────────────────────────────────────────────────────────────────


def place_of(status: Any) -> tuple[str, int]:
    """Where the status of a credential stands (Token Status List §6). Raises Refused."""
    place = status.get("status_list") if isinstance(status, dict) else None
    uri = place.get("uri") if isinstance(place, dict) else None
    idx = place.get("idx") if isinstance(place, dict) else None
    if not isinstance(uri, str) or type(idx) is not int or idx < 0:
        raise Refused("no_status", "The credential does not say where its status stands.")
    return uri, idx


class StatusLists:
    """Lists as they are looked up in. One that holds is remembered while it is the one at its
    address, which is for some seconds: many credentials are looked up in it."""

    def __init__(self, list_at: Callable[[str], str], issuer_key: IssuerKey) -> None:
        """`list_at`: the signed status list at an address; raises Refused."""
        self._list_at = list_at
        self._issuer_key = issuer_key
        self._held: tuple[str, str, status_list.Unpacked, float] | None = None

    def check(self, uri: str, idx: int, now: datetime) -> None:
        """Raises Refused for what was ended, or a list that is not to be believed."""
        token, held = self._list_at(uri), self._held
        if held is None or held[:2] != (uri, token) or held[3] <= now.timestamp():
            self._held = held = (uri, token, *self._read(uri, token, now))
        try:
            status = held[2].status_at(idx)
        except status_list.Unreadable:
            raise _unreadable() from None
        if status != status_list.VALID:
            raise Refused("revoked", "The credential was ended: it was withdrawn or replaced.")

    def _read(self, uri: str, token: str, now: datetime) -> tuple[status_list.Unpacked, float]:
        """The list, and until when it may be believed."""
        header = _header(token)
        if header.get("typ") != status_list.TYPE:
            raise Refused("status_unknown", "What stands at its status list's address is none.")
        try:
            claims = _by_chain(token, header, self._issuer_key, now)
        except Refused:
            raise Refused("status_of_another_issuer", "Its status list is of another issuer."
                          ) from None  # fmt: skip
        if claims.get("sub") != uri:
            raise Refused("status_of_another_issuer", "Its status list is another one.")
        issued, expires = _number(claims, "iat"), _number(claims, "exp")
        oldest = OLDEST_LIST.total_seconds()
        until = -1.0 if issued is None else min(issued + oldest, expires or issued + oldest)
        if until <= now.timestamp() or (issued or 0) > now.timestamp() + SKEW.total_seconds():
            raise Refused("status_too_old", "Its status list is too old to be believed.")
        try:
            return status_list.unpacked(claims.get("status_list")), until
        except status_list.Unreadable:
            raise _unreadable() from None


def _unreadable() -> Refused:
    return Refused("status_unknown", "Its status list cannot be read.")


# ── what was asked ────────────────────────────────────────────────────────────────────


def asked_of(wanted: Wanted, shown: Callable[[Path], Any]) -> dict[str, Any]:
    """Of what was disclosed that which was asked for, by its path with dots. `shown`: the value at
    a path; raises KeyError."""
    found = {}
    for claim in wanted.claims:
        name = ".".join(claim.path)
        try:
            value = shown(claim.path)
        except KeyError:
            raise Refused("claim_missing", "The wallet did not show all that was asked for."
                          ) from None  # fmt: skip
        if claim.values and not any(value == one and type(value) is type(one)
                                    for one in claim.values):  # fmt: skip
            raise Refused("other_value", "What was shown is not what it has to be here.")
        found[name] = value
    return found


def _number(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("malformed", "What was shown cannot be read.")
    return float(value)
