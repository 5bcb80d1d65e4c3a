"""A wallet on a phone, that knows only the issuer's metadata — OpenID4VCI 1.0, OpenID4VP 1.0."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe
from joserfc.jwk import ECKey

from civitas.tour.story import expect

REDIRECT = "https://wallet.example"
_PRE_AUTHORIZED = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
_AGAIN = "use_dpop_nonce"


class Wallet:
    """One registered client, with a key for its tokens and one for the copy that it holds."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.http = httpx.Client(timeout=30)
        self.key, self.holder = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.nonce: str | None = None
        self.held = ""

    def take(self, link: str, tx_code: str) -> str:
        """The credential behind an offer, and what is kept of it."""
        offer = json.loads(parse_qs(urlsplit(link).query)["credential_offer"][0])
        issuer = offer["credential_issuer"]
        known = self.http.get(f"{issuer}/.well-known/openid-credential-issuer").json()
        server = self.http.get(f"{issuer}/.well-known/oauth-authorization-server").json()
        tokens = self._send(
            server["token_endpoint"],
            data={
                "grant_type": _PRE_AUTHORIZED,
                "client_id": self.client_id,
                "pre-authorized_code": offer["grants"][_PRE_AUTHORIZED]["pre-authorized_code"],
                "tx_code": tx_code,
            },
        )
        # A kind is offered in several forms; this wallet reads one of them.
        forms = known["credential_configurations_supported"]
        detail = next(
            each
            for each in tokens["authorization_details"]
            if forms[each["credential_configuration_id"]]["format"] == "dc+sd-jwt"
        )
        nonce = self.http.post(known["nonce_endpoint"]).json()["c_nonce"]
        claims = {"aud": issuer, "iat": int(time.time()), "nonce": nonce}
        proof = _signed(self.holder, "openid4vci-proof+jwt", claims, jwk=True)
        given = self._send(
            known["credential_endpoint"],
            tokens["access_token"],
            json={
                "credential_identifier": detail["credential_identifiers"][0],
                "proofs": {"jwt": [proof]},
            },
        )
        self.held = given["credentials"][0]["credential"]
        return self.held

    def show(self, link: str) -> httpx.Response:
        """Answer a request with what it asks for, and nothing else."""
        where = parse_qs(urlsplit(link).query)["request_uri"][0]
        request = jwt.decode(self.http.get(where).text, options={"verify_signature": False})
        (wanted,) = request["dcql_query"]["credentials"]
        names = {claim["path"][-1] for claim in wanted["claims"]}
        token, *disclosures, _ = self.held.split("~")
        chosen = [one for one in disclosures if json.loads(_decoded(one))[1] in names]
        shown = "~".join((token, *chosen, ""))
        claims = {
            "iat": int(time.time()),
            "aud": request["client_id"],
            "nonce": request["nonce"],
            "sd_hash": _digest(shown),
        }
        answer = {
            "vp_token": {wanted["id"]: [shown + _signed(self.holder, "kb+jwt", claims)]},
            "state": request["state"],
        }
        key = ECKey.import_key(request["client_metadata"]["jwks"]["keys"][0])
        head = {"alg": "ECDH-ES", "enc": "A128GCM", "kid": "1"}
        sealed = jwe.encrypt_compact(head, json.dumps(answer).encode(), key)
        return self.http.post(request["response_uri"], data={"response": sealed})

    def _send(self, url: str, token: str | None = None, **body: Any) -> dict[str, Any]:
        """A request with a proof of the key; once more where the server asks for its nonce."""
        answer: httpx.Response | None = None
        for _ in range(2):
            claims = {"jti": secrets.token_urlsafe(12), "htm": "POST", "htu": url,
                      "iat": int(time.time())}  # fmt: skip
            claims |= {"nonce": self.nonce} if self.nonce else {}
            claims |= {"ath": _digest(token)} if token else {}
            headers = {"DPoP": _signed(self.key, "dpop+jwt", claims, jwk=True)}
            headers |= {"Authorization": f"DPoP {token}"} if token else {}
            answer = self.http.post(url, headers=headers, **body)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if _AGAIN not in answer.text + answer.headers.get("www-authenticate", ""):
                break
        assert answer is not None  # noqa: S101 - the loop ran
        expect(answer.is_success, f"an answer for the wallet, but got {answer.text}")
        said: dict[str, Any] = answer.json()
        return said


def _signed(
    key: ec.EllipticCurvePrivateKey, typ: str, claims: dict[str, Any], *, jwk: bool = False
) -> str:
    head: dict[str, Any] = {"typ": typ}
    if jwk:
        head["jwk"] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    return jwt.encode(claims, key, algorithm="ES256", headers=head)


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
