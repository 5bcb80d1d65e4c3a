"""A city whose people carry credentials, and a phone with a wallet, written for the tests."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from foundation import opaque
from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.oauth import AddedClient, kit
from idp.register import Evidence, Findings, Profile
from tests.support.city import Visitor
from tests.support.lockers import KINDS, Lockers, lockers

CARRIED = KINDS.replace(
    'purposes = ["library", "mobility.parking"]', 'purposes = ["library", "wallet"]'
)
PRE_AUTHORIZED = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
WALLET_URL = "https://wallet.example"


@contextmanager
def wallets(settings: Settings, clock: FrozenClock) -> Iterator[tuple[Lockers, AddedClient]]:
    """The city, and the wallet that is registered in it as `civitas clients add` does."""
    with lockers(settings, clock, CARRIED) as city:
        metadata = {"client_name": "City Wallet", **kit("wallet").metadata(WALLET_URL)}
        yield city, city.oauth.clients.add(metadata, clock.now())


def proofed(city: Lockers, number: str = "AB123456", born: date = date(1990, 5, 17)) -> str:
    """Somebody whose papers an officer saw: level 2."""
    seen = Evidence("register-extract", "civil-register", "register-query", "", True, True)
    who = Profile(number, "Léïda", "Õunapuu", born, locality="Tallinn", country="EE")
    officer, now = Actor("staff", "stf_officer"), city.clock.now()
    enrolled = city.register.enrolment.enrol(who, Findings(2, (seen,)), officer, "2026-01", now)
    return str(enrolled.person.id)


def citizen_of(city: Lockers, name: str = "leida.one", **more: Any) -> Visitor:
    """Such a person at their browser, signed in by a passkey."""
    citizen = city.citizen(proofed(city, **more), name)
    citizen.add_and_use_passkey()
    return citizen


def public_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    return found


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def offer_page(citizen: Visitor, credential: str, give: list[str] | None = None) -> Any:
    """What the page says once the person ticked this and went on."""
    here = f"/account/wallet/offer?credential={credential}"
    page = citizen.get(here)
    assert page.status_code == 200, page.text
    fields = dict(re.findall(r'name="(notice\.[^"]+)" value="([^"]+)"', page.text))
    wallet = re.search(r'name="wallet" value="([^"]+)"', page.text)
    assert wallet is not None
    names = re.findall(r'name="give\.([^"]+)"', page.text)
    ticked = {f"give.{name}": "yes" for name in (names if give is None else give)}
    sent = {**fields, **ticked, "wallet": wallet[1], "credential": credential}
    return citizen.post("/account/wallet/offer", here, **sent)


class Phone:
    """A wallet on a phone: a key for its tokens, and one for each copy."""

    def __init__(self, city: Lockers, wallet: AddedClient) -> None:
        self.city = city
        self.wallet = wallet.client.id
        self.issuer = city.locker.originals.url
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.nonce: str | None = None
        self.token = ""
        self.refresh = ""
        self.tokens: dict[str, Any] = {}
        self.keys: list[ec.EllipticCurvePrivateKey] = []
        self.form = ""

    # ── requests, with proofs of the key (RFC 9449) ───────────────────────────────────

    def send(self, method: str, path: str, **more: Any) -> Any:
        """A request with a proof; once more where the server asks for its nonce."""
        answer: Any = None
        for _ in range(2):
            headers = {"DPoP": self._proof(method, path), "Accept": "application/json"}
            if self.token:
                headers["Authorization"] = f"DPoP {self.token}"
            http = self.city.browser().http
            answer = http.request(method, path, headers=headers, **more)
            said = answer.headers.get("www-authenticate", "") + answer.text
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if "use_dpop_nonce" not in said:
                break
        return answer

    def _proof(self, method: str, path: str) -> str:
        now = int(self.city.clock.now().timestamp())
        claims = {"jti": opaque.secret(12), "htm": method, "htu": self.issuer + path, "iat": now}
        if self.nonce:
            claims["nonce"] = self.nonce
        if self.token:
            claims["ath"] = b64(hashlib.sha256(self.token.encode()).digest())
        head = {"typ": "dpop+jwt", "jwk": public_jwk(self.key)}
        return jwt.encode(claims, self.key, algorithm="ES256", headers=head)

    # ── an offer ──────────────────────────────────────────────────────────────────────

    def read(self, page: str, by: str = "credential_offer_uri") -> tuple[dict[str, Any], str]:
        """The offer of a page, and the number that the person types."""
        link = re.search(r'href="(openid-credential-offer:[^"]+)"', page)
        typed = re.search(r'<code class="code">(\d+)</code>', page)
        assert link is not None, page
        assert typed is not None, page
        query = parse_qs(urlsplit(html.unescape(link[1])).query)
        return json.loads(query["credential_offer"][0]), typed[1]

    def redeem(self, offer: dict[str, Any], tx_code: str | None, **changed: str) -> Any:
        grant = offer["grants"][PRE_AUTHORIZED]
        form = {
            "grant_type": PRE_AUTHORIZED,
            "client_id": self.wallet,
            "pre-authorized_code": grant["pre-authorized_code"],
            **({} if tx_code is None else {"tx_code": tx_code}),
            **changed,
        }
        return self._tokens_of(self.send("POST", "/oauth/token", data=form))

    def refresh_tokens(self) -> Any:
        self.token = ""
        form = {
            "grant_type": "refresh_token",
            "client_id": self.wallet,
            "refresh_token": self.refresh,
        }
        return self._tokens_of(self.send("POST", "/oauth/token", data=form))

    def _tokens_of(self, answer: Any) -> Any:
        if answer.status_code == 200:
            self.tokens = answer.json()
            self.token = self.tokens["access_token"]
            self.refresh = self.tokens.get("refresh_token", "")
        return answer

    # ── a credential ──────────────────────────────────────────────────────────────────

    def new_nonce(self) -> str:
        answer = self.city.browser().http.post("/openid4vci/nonce")
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        found: str = answer.json()["c_nonce"]
        return found

    def proof_of(
        self,
        key: ec.EllipticCurvePrivateKey,
        nonce: str | None,
        header: dict[str, Any] | None = None,
        **changed: Any,
    ) -> str:
        now = int(self.city.clock.now().timestamp())
        claims = {"aud": self.issuer, "iat": now, "nonce": nonce, **changed}
        claims = {name: value for name, value in claims.items() if value is not None}
        head = {"typ": "openid4vci-proof+jwt", "jwk": public_jwk(key), **(header or {})}
        return jwt.encode(claims, key, algorithm="ES256", headers=head)

    def ask(self, body: dict[str, Any] | None = None, copies: int = 1) -> Any:
        """A credential request for so many copies."""
        if body is None:
            nonce = self.new_nonce()
            self.keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(copies)]
            body = {
                **self.which(),
                "proofs": {"jwt": [self.proof_of(key, nonce) for key in self.keys]},
            }
        return self.send("POST", "/openid4vci/credential", json=body)

    def which(self) -> dict[str, str]:
        """The credential that is ready, in the form that this wallet reads."""
        (detail,) = (
            one
            for one in self.tokens["authorization_details"]
            if one["credential_configuration_id"].endswith(".mso_mdoc") == bool(self.form)
        )
        return {"credential_identifier": detail["credential_identifiers"][0]}

    def take(self, citizen: Visitor, credential: str, copies: int = 1, **more: Any) -> list[str]:
        """The whole way from the account page into the wallet."""
        page = offer_page(citizen, credential, **more)
        assert page.status_code == 200, page.text
        answer = self.redeem(*self.read(page.text))
        assert answer.status_code == 200, answer.text
        given = self.ask(copies=copies)
        assert given.status_code == 200, given.text
        return [one["credential"] for one in given.json()["credentials"]]
