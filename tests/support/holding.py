"""A credential shown by a wallet, whole or spoiled — RFC 9901 §7, OpenID4VP §8, for the tests."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe
from joserfc.jwk import ECKey

from documents.credentials import sd_jwt
from tests.support.lockers import Lockers


def read(token: str) -> Any:
    """The payload of a JWT, as it is."""
    return jwt.decode(token, options={"verify_signature": False})


def choose(credential: str, *paths: str) -> sd_jwt.SdJwt:
    """The credential with the disclosures of these claims alone."""
    parts = sd_jwt.split(credential)
    names = {path.rpartition(".")[2] for path in paths}
    kept = [one for one in parts.disclosures if json.loads(sd_jwt.from_base64url(one))[1] in names]
    return sd_jwt.SdJwt(parts.token, tuple(kept), None)


def bind(
    parts: sd_jwt.SdJwt,
    key: ec.EllipticCurvePrivateKey,
    request: dict[str, Any],
    now: int,
    header: dict[str, Any] | None = None,
    **changed: Any,
) -> str:
    """With the proof of the holder's key; `changed` claims replace the usual ones."""
    claims = {
        "iat": now,
        "aud": request["client_id"],
        "nonce": request["nonce"],
        "sd_hash": parts.digest,
        **changed,
    }
    head = {"typ": "kb+jwt", **(header or {})}
    proof = jwt.encode(claims, key, algorithm="ES256", headers=head)
    return sd_jwt.joined(parts.token, parts.disclosures, proof)


class Counter:
    """A service that asks, and the way of a wallet's answer to it."""

    def __init__(self, city: Lockers, name: str = "Swimming pool", **more: Any) -> None:
        self.city = city
        metadata = {
            "client_name": name,
            "grant_types": ["client_credentials", "authorization_code"],
            "redirect_uris": ["https://pool.example/cb"],
            "purposes": ["city"],
            "scope": "openid presentations:request",
            **more,
        }
        self.service = city.oauth.clients.add(metadata, city.clock.now())
        self.program = city.program(self.service)

    def try_to_ask(self, *claims: str, credential: str = "credential.identity", **more: Any) -> Any:
        wanted = {"credential": credential, "claims": [{"claim": claim} for claim in claims]}
        if formats := more.pop("formats", None):
            wanted["formats"] = formats
        body = {"credentials": [wanted], **more}
        return self.program.post("/presentations/v1/requests", body)

    def ask(self, *claims: str, **more: Any) -> dict[str, Any]:
        answer = self.try_to_ask(*claims, **more)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def request(self, asked: dict[str, Any], link: str = "link_other_device") -> dict[str, Any]:
        """The request object that a wallet fetches."""
        query = parse_qs(urlsplit(asked[link]).query)
        path = query["request_uri"][0].removeprefix(self.city.locker.originals.url)
        answer = self.city.browser().http.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = read(answer.text)
        assert found["client_id"] == query["client_id"][0]
        return found

    def post(self, request: dict[str, Any], vp_token: Any, **more: Any) -> Any:
        """A wallet's answer, encrypted where the request says so."""
        path = request["response_uri"].removeprefix(self.city.locker.originals.url)
        said = {"vp_token": vp_token, "state": request["state"], **more}
        if request["response_mode"] == "direct_post":
            form = {**said, "vp_token": json.dumps(vp_token)}
        else:
            key = ECKey.import_key(request["client_metadata"]["jwks"]["keys"][0])
            head = {"alg": "ECDH-ES", "enc": "A128GCM", "kid": "1"}
            form = {"response": jwe.encrypt_compact(head, json.dumps(said).encode(), key)}
        return self.city.browser().http.post(
            path, data=form, headers={"Accept": "application/json"}
        )

    def read(self, asked: dict[str, Any], code: str | None = None) -> Any:
        query = "" if code is None else f"?response_code={code}"
        answer = self.program.get(f"/presentations/v1/requests/{asked['id']}{query}")
        return answer.json()

    def word(self, answer: Any) -> str:
        """The word of a refusal."""
        assert answer.status_code == 400, answer.text
        found = re.match(r"(\w+):", answer.json()["error_description"])
        return found[1] if found else str(answer.json()["error_description"])
