"""A service asks to be shown credentials; a wallet shows them; the service reads — OpenID4VP 1.0.

What is asked for is no more than the service's purpose has a use for. What was shown is told to
that service alone, for some minutes, and to the person in their ledger.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from documents.credentials import store as issued
from documents.credentials.configurations import FORMAT, Configuration
from documents.credentials.presenting import store
from documents.credentials.presenting.mdoc import verify_mdoc
from documents.credentials.presenting.metadata import ENCRYPTIONS, client_metadata
from documents.credentials.presenting.needs import Needs, purpose_of
from documents.credentials.presenting.store import DECLINED, REFUSED, SHOWN, WAITING, Asked
from documents.credentials.presenting.verifying import (
    Expected,
    Refused,
    Shown,
    StatusLists,
    verify_sd_jwt,
)
from documents.credentials.presenting.wanted import WantedClaim, dcql
from documents.credentials.sd_jwt import from_base64url
from documents.credentials.settings import CredentialsSettings
from documents.credentials.signers import certificate_hash, signed
from documents.credentials.statuses import Statuses
from documents.locker import Services
from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict, NotFound, OAuthError, Unprocessable
from foundation.marking import N_
from foundation.runtime import Runtime
from foundation.settings import Server
from pki import OwnSigner, UnknownSigner
from policies import Policies

MOST_WANTED = 5
MINUTE = timedelta(minutes=1)
BUCKET = "presentations-asked"
SCHEME = "openid4vp://"
_SEALED, _KEY = "presentation", "presentation-key"


class WrongAnswer(OAuthError):
    """What came to the response endpoint is no answer to a request of ours (§8.2)."""

    status, code = 400, "invalid_request"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a request. `claims`: by the name of the credential and the path of the claim."""

    state: str
    claims: Mapping[str, Mapping[str, Any]]
    refused: str = ""
    why: str = ""


class Presentations:
    """Safe to share between threads."""

    def __init__(
        self,
        runtime: Runtime,
        policies: Policies,
        known: Mapping[str, Configuration],
        services: Services,
        keys: OwnSigner,
        recognise: Callable[[bytes, datetime], Any],
        statuses: Statuses,
    ) -> None:
        """`keys`: those that sign requests. `recognise`: the key of a certificate by which our
        credentials are signed; raises UnknownSigner."""
        self.runtime = runtime
        self.known = known
        self._services = services
        self._keys = keys
        self._recognise = recognise
        self._statuses = statuses
        self.settings = runtime.settings.of(CredentialsSettings)
        self.url = runtime.settings.of(Server).url
        self._needs = Needs(policies, known, self.url)
        self._lists = StatusLists(self._status_list, self._issuer_key)
        runtime.jobs.periodic("presentations", timedelta(minutes=5), self._sweep)

    # ── a service asks ────────────────────────────────────────────────────────────────

    def ask(
        self,
        service: str,
        wanted: Sequence[tuple[str, Sequence[WantedClaim], Sequence[str]]],
        purpose: str | None,
        return_to: str | None,
        *,
        encrypted: bool = True,
    ) -> Asked:
        """A request for credentials: each by its configuration, claims of it, and the forms that
        will do. Raises Unprocessable."""
        purpose = purpose_of(self._services, service, purpose)
        if not 1 <= len(wanted) <= MOST_WANTED:
            raise Unprocessable(f"Ask for 1 to {MOST_WANTED} credentials.", where="credentials")
        asked = [
            self._needs.wanted(f"c{number}", which, claims, formats, purpose)
            for number, (which, claims, formats) in enumerate(wanted)
        ]
        if return_to is not None and not self._services.owns_address(service, return_to):
            raise Unprocessable(
                "return_to is none of the redirect URIs of this service.",
                where="return_to",
                next_step="Write one that is registered, character by character.",
            )
        now, request_id = self.runtime.clock.now(), opaque.identifier("prq")
        sealed = None
        if encrypted:
            key = ECKey.generate_key("P-256").as_dict(private=True)
            sealed = self.runtime.keys.seal(_KEY, json.dumps(key).encode(), request_id)
        until = now + timedelta(seconds=self.settings.presentation_seconds)
        with self.runtime.database.write() as uow:
            most = self.settings.presentations_per_minute
            self.runtime.rates.attempt(uow, BUCKET, service, most, MINUTE, now)
            store.add(
                uow,
                {
                    "id": request_id,
                    "service": service,
                    "service_name": self._services.name(service),
                    "purpose": purpose,
                    "wanted": [one.as_json() for one in asked],
                    "nonce": opaque.secret(24),
                    "key_sealed": sealed,
                    "return_to": return_to,
                    "state": WAITING,
                    "asked_at": now,
                    "expires_at": until,
                    "kept_until": until + timedelta(seconds=self.settings.presentation_seconds),
                },
            )
            found = store.find(uow, request_id)
        assert found is not None  # noqa: S101 - it was added in this unit of work
        return found

    # ── the wallet reads the request ──────────────────────────────────────────────────

    def find(self, request_id: str) -> Asked:
        """Raises NotFound."""
        with self.runtime.database.read() as uow:
            found = store.find(uow, request_id)
        if found is None:
            raise NotFound(
                N_("There is no such request, or it was made too long ago."),
                next_step=N_("Go back to the service, and begin again."),
            )
        return found

    def link(self, asked: Asked, *, same_device: bool) -> str:
        """What a wallet opens: a link on the same device, a code for another one (§5.10)."""
        device = "?device=same" if same_device else ""
        where = f"{self.url}/openid4vp/requests/{asked.id}{device}"
        query = urlencode({"client_id": self._name(), "request_uri": where}, quote_via=quote)
        return f"{SCHEME}?{query}"

    def request_object(self, asked: Asked, *, same_device: bool, wallet_nonce: str | None) -> str:
        """The signed request (§5.10; RFC 9101)."""
        now = self.runtime.clock.now()
        if asked.state_at(now) != WAITING:
            raise Conflict("This request is over.", next_step="The service makes a new one.")
        by = self._keys.key(now)
        key = self._key(asked)
        claims: dict[str, Any] = {
            "iss": f"x509_hash:{certificate_hash(by)}",
            "aud": "https://self-issued.me/v2",
            "client_id": f"x509_hash:{certificate_hash(by)}",
            "response_type": "vp_token",
            "response_mode": "direct_post.jwt" if key is not None else "direct_post",
            "response_uri": self._answers(asked, same_device),
            "nonce": asked.nonce,
            "state": asked.id,
            "dcql_query": dcql(asked.wanted),
            "client_metadata": client_metadata(key),
            "iat": int(now.timestamp()),
            "exp": int(asked.expires_at.timestamp()),
        }
        if wallet_nonce is not None:
            claims["wallet_nonce"] = wallet_nonce
        return signed(by, "oauth-authz-req+jwt", claims)

    def _answers(self, asked: Asked, same_device: bool) -> str:
        device = "?device=same" if same_device else ""
        return f"{self.url}/openid4vp/responses/{asked.id}{device}"

    def _name(self) -> str:
        by = self._keys.key(self.runtime.clock.now())
        return f"x509_hash:{certificate_hash(by)}"

    def _key(self, asked: Asked) -> ECKey | None:
        if asked.key_sealed is None:
            return None
        opened = self.runtime.keys.open(_KEY, asked.key_sealed, asked.id)
        return ECKey.import_key(json.loads(opened))

    # ── the wallet answers ────────────────────────────────────────────────────────────

    def answer(self, asked: Asked, form: Mapping[str, str], *, same_device: bool) -> str | None:
        """What a wallet posts; where its person's browser goes on (§8.2), if it is on this device.

        What does not count is told to the service, and to the wallet as WrongAnswer. Raises
        Conflict for a request that is over.
        """
        now = self.runtime.clock.now()
        if asked.state_at(now) != WAITING:
            raise WrongAnswer("This request was answered already, or it is over.")
        said = self._read(asked, form)
        if said.get("error"):
            self._conclude(asked, DECLINED, {}, (), now)
            return self.back(asked) if same_device else None
        try:
            expected = self._expected(asked, same_device)
            shown = self._verified(asked, said.get("vp_token"), expected, now)
        except Refused as why:
            refused = {"refused": why.code, "why": why.sentence}
            self._conclude(asked, REFUSED, refused, (), now)
            raise WrongAnswer(f"{why.code}: {why.sentence}") from None
        result = {"claims": {name: dict(one.claims) for name, one in shown.items()}}
        self._conclude(asked, SHOWN, result, tuple(shown.values()), now)
        return self.back(asked) if same_device else None

    def _read(self, asked: Asked, form: Mapping[str, str]) -> Mapping[str, Any]:
        """The members of an answer, decrypted (§8.3). Raises WrongAnswer."""
        key, sealed = self._key(asked), form.get("response")
        if key is None or (sealed is None and "error" in form):
            said: Any = dict(form)
            if "vp_token" in said:
                said["vp_token"] = _json(said["vp_token"])
        elif sealed is None:
            raise WrongAnswer("response is missing: an answer to this request is encrypted (§8.3).")
        else:
            try:
                opened = jwe.decrypt_compact(
                    sealed, key, algorithms=["ECDH-ES", *ENCRYPTIONS]
                ).plaintext
            except (JoseError, ValueError, TypeError, KeyError):
                raise WrongAnswer("response cannot be decrypted with the request's key.") from None
            said = _json((opened or b"").decode(errors="replace"))
        if not isinstance(said, dict):
            raise WrongAnswer("The answer is not an object.")
        if said.get("state") not in (None, asked.id):
            raise WrongAnswer("state is that of another request.")
        return said

    def _expected(self, asked: Asked, same_device: bool) -> Expected:
        key, where = self._key(asked), self._answers(asked, same_device)
        thumbprint = None if key is None else from_base64url(key.thumbprint())
        return Expected(self.url, self._name(), asked.nonce, where, thumbprint)

    def _verified(
        self, asked: Asked, vp_token: Any, expected: Expected, now: datetime
    ) -> dict[str, Shown]:
        """What was shown of each credential, in one of the forms that will do (§8.1)."""
        answered = vp_token if isinstance(vp_token, dict) else {}
        shown = {}
        for one in asked.wanted:
            found = [name for name in one.queries if name in answered]
            listed = answered[found[0]] if len(found) == 1 else None
            if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], str):
                raise Refused("other_credentials", "The wallet answered another question.")
            verify = verify_sd_jwt if one.queries[found[0]] == FORMAT else verify_mdoc
            shown[one.id] = verify(listed[0], one, expected, self._issuer_key, self._lists, now)
        if len(answered) != len(shown):
            raise Refused("other_credentials", "The wallet answered another question.")
        return shown

    def _issuer_key(self, chain: Sequence[bytes], now: datetime) -> Any:
        try:
            return self._recognise(chain[0], now)
        except UnknownSigner as why:
            raise Refused(f"issuer_{why.reason}", "It is signed by a key that does not count."
                          ) from None  # fmt: skip

    def _status_list(self, uri: str) -> str:
        number = uri.removeprefix(self._statuses.uri(0)[:-1])
        if self._statuses.uri(0)[:-1] + number != uri or not number.isdigit() or len(number) > 6:
            raise Refused("status_of_another_issuer", "Its status list is of another issuer.")
        try:
            return self._statuses.token(int(number), self.runtime.clock.now())
        except NotFound:
            raise Refused("status_unknown", "Its status list does not exist.") from None

    def _conclude(
        self,
        asked: Asked,
        state: str,
        result: Mapping[str, Any],
        shown: Sequence[Shown],
        now: datetime,
    ) -> None:
        sealed = self.runtime.keys.seal(_SEALED, json.dumps(result).encode(), asked.id)
        with self.runtime.database.write() as uow:
            if not store.conclude(uow, asked.id, state, sealed, now):
                raise WrongAnswer("This request was answered already, or it is over.")
            for one in shown:
                self._tell(uow, asked, one)

    def _tell(self, uow: UnitOfWork, asked: Asked, shown: Shown) -> None:
        """In the person's ledger: only this service's own deployment knows whose copy it was."""
        number = int(shown.list_uri.rpartition("/")[2])
        batch = issued.batch_at(uow, issued.Place(number, shown.idx))
        known = None if batch is None else self.known.get(batch.configuration)
        if batch is None or known is None:
            return
        labels = {".".join(claim.path): claim.label for claim in known.claims}
        self.runtime.audit.record(
            uow,
            "wallet.shown",
            Actor("service", asked.service),
            (batch.person_id,),
            {
                "service": asked.service,
                "service_name": asked.service_name,
                "purpose": asked.purpose,
                "document": known.title,
                "attributes": [labels.get(name, name) for name in shown.claims],
            },
        )

    # ── the service reads ─────────────────────────────────────────────────────────────

    def result(self, service: str, request_id: str, response_code: str | None) -> Result:
        """What came of a request of this service's. Where its person comes back to it, the code
        that they bring proves that it is they who were asked (§8.2, §13.3). Raises NotFound."""
        asked = self.find(request_id)
        if asked.service != service:
            raise NotFound("This service has made no such request, or it ended long ago.")
        state = asked.state_at(self.runtime.clock.now())
        if asked.return_to is not None and state == SHOWN:
            code = (response_code or "").encode()
            if not hmac.compare_digest(code, self._response_code(asked).encode()):
                raise BadRequest(
                    "response_code is missing, or that of another request.",
                    where="response_code",
                    next_step="Send the one with which the person's browser came to return_to.",
                )
        if asked.result_sealed is None:
            return Result(state, {})
        found = json.loads(self.runtime.keys.open(_SEALED, asked.result_sealed, asked.id))
        return Result(
            state, found.get("claims", {}), found.get("refused", ""), found.get("why", "")
        )

    def back(self, asked: Asked) -> str | None:
        """Where the person's browser goes on, with the code that only it gets."""
        if asked.return_to is None:
            return None
        parts = urlsplit(asked.return_to)
        said = {"request_id": asked.id, "response_code": self._response_code(asked)}
        query = "&".join(filter(None, (parts.query, urlencode(said))))
        return urlunsplit(parts._replace(query=query))

    def open_in(self, asked: Asked, browser: str) -> bool:
        """Whether this browser is the first that opened the page: only it is led back."""
        digest = opaque.digest(browser)
        if asked.browser_digest is not None:
            return hmac.compare_digest(asked.browser_digest, digest)
        with self.runtime.database.write() as uow:
            return store.open_in(uow, asked.id, digest)

    def _response_code(self, asked: Asked) -> str:
        return self.runtime.keys.mac("response-code", f"{asked.id}\0{asked.nonce}".encode()).hex()

    def _sweep(self) -> int:
        with self.runtime.database.write() as uow:
            return store.sweep(uow, self.runtime.clock.now())


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise WrongAnswer("The answer is not JSON.") from None
