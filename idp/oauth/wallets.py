"""Wallets: what a person has ready for one, and whose wallet calls — OpenID4VCI §3, §8.

What is issued into a wallet is a release like any other: it rests on the grant and on the consent,
and the one decision has the last word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request

from foundation import opaque
from foundation.database import UnitOfWork
from foundation.errors import Unprocessable
from foundation.marking import N_
from foundation.runtime import Runtime
from idp.login import Authenticated
from idp.oauth import bearer, details, grant_store, pre_authorized_codes, subjects
from idp.oauth.bearer import Bearers
from idp.oauth.client import OFFLINE_ACCESS, OPENID_CREDENTIAL, Client
from idp.oauth.clients import Clients
from idp.oauth.errors import InsufficientScope, InvalidToken
from idp.oauth.grant import Grant
from idp.oauth.pre_authorized_codes import Offered
from idp.oauth.release import Releases
from idp.oauth.settings import OAuthSettings
from policies import Catalogue, Consent


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a token lets a wallet have. `credentials`: kinds of credentials, each with the
    identifiers under which it is asked for; none where the scope asked for it (§6.2)."""

    client: Client
    grant: Grant
    credentials: Mapping[str, tuple[str, ...]]


class Wallets:
    """Offers, and tokens that come back for what was offered."""

    def __init__(
        self,
        runtime: Runtime,
        settings: OAuthSettings,
        issuer: str,
        clients: Clients,
        bearers: Bearers,
        releases: Releases,
        catalogue: Catalogue,
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._issuer = issuer
        self._clients = clients
        self._bearers = bearers
        self._releases = releases
        self._catalogue = catalogue

    def known(self) -> Sequence[Client]:
        """Those that people may have credentials ready for, oldest first."""
        return self._clients.wallets()

    def offer(
        self,
        uow: UnitOfWork,
        person: Authenticated,
        wallet: str,
        *,
        code: str,
        forms: Mapping[str, str],
        attributes: Sequence[str],
        consent: Consent,
        now: datetime,
    ) -> Offered:
        """Have one credential ready for a wallet, in the write that the consent is given in.

        `code`: a secret of 256 bits. `forms`: each of its forms, and its identifier in it. Raises
        Unprocessable for a wallet that is none.
        """
        client = next((c for c in self.known() if c.id == wallet), None)
        if client is None or not client.active:
            raise Unprocessable(N_("There is no such wallet."), where="wallet")
        refreshes = "refresh_token" in client.grant_types and OFFLINE_ACCESS in client.scopes
        lifetime = (
            self._settings.offline_grant_seconds
            if refreshes
            else self._settings.session_grant_seconds
        )
        asked = [
            {
                "type": OPENID_CREDENTIAL,
                "credential_configuration_id": form,
                details.IDENTIFIERS: [identifier],
            }
            for form, identifier in forms.items()
        ]
        grant = Grant(
            id=opaque.identifier("gra"),
            client_id=client.id,
            person_id=person.subject,
            subject=subjects.subject_of(uow, person.subject, client.sector, now),
            session_id=person.session_id,
            session_reference=subjects.session_reference(
                self._runtime.keys, person.session_id, client.sector
            ),
            consent_id=consent.id,
            purpose=consent.purpose,
            scope=(OFFLINE_ACCESS,) if refreshes else (),
            audience=None,
            userinfo_attributes=tuple(attributes),
            id_token_attributes=(),
            level=person.acr_level,
            amr=person.amr,
            auth_time=person.auth_time,
            nonce=None,
            offline=refreshes,
            created_at=now,
            expires_at=min(now + timedelta(seconds=lifetime), consent.not_after),
            authorization_details=tuple(asked),
        )
        grant_store.add(uow, grant)
        return pre_authorized_codes.issue(
            uow,
            self._runtime.keys,
            code=code,
            grant_id=grant.id,
            client_id=client.id,
            now=now,
            lifetime=timedelta(seconds=self._settings.offer_seconds),
        )

    def offered(self, code: str) -> tuple[Sequence[str], datetime] | None:
        """The credential that waits behind a code, in its forms, and until when; None once it is
        over."""
        now = self._runtime.clock.now()
        with self._runtime.database.read() as uow:
            found = pre_authorized_codes.find(uow, code)
            grant = None if found is None else grant_store.find(uow, found.grant_id)
        if found is None or grant is None or found.used_at is not None:
            return None
        if found.is_over(now) or not grant.alive(now):
            return None
        return details.credentials_in(grant.authorization_details), found.expires_at

    def allowed(self, request: Request) -> Allowed:
        """What the token of this request lets its wallet have. Raises InvalidToken, DpopError,
        InsufficientScope."""
        now = self._runtime.clock.now()
        presented = bearer.required(bearer.read(request))
        found = self._bearers.active(request, presented, now)
        if found.token.audience != self._issuer:
            raise InvalidToken("The token is for another resource.")
        grant = found.grant
        if grant is None or not found.client.is_wallet:
            raise InsufficientScope("A credential needs the token of a person's wallet.")
        offered = self._offered_kinds()
        credentials: dict[str, tuple[str, ...]] = {
            scope: () for scope in found.token.scope if scope in offered
        }
        for one in found.token.authorization_details:
            if one["type"] == OPENID_CREDENTIAL:
                kind = one["credential_configuration_id"]
                known = credentials.get(kind, ())
                credentials[kind] = (*known, *one.get(details.IDENTIFIERS, ()))
        if not credentials:
            raise InsufficientScope("The token is for no credential.")
        return Allowed(found.client, grant, credentials)

    def release(self, grant: Grant, names: Sequence[str], now: datetime) -> Mapping[str, Any]:
        """The values of those names that may be released into the wallet now."""
        return self._releases.release(grant, names, now)

    def confirm(self, uow: UnitOfWork, grant: Grant, now: datetime) -> bool:
        """Hold the grant until this unit of work is done; False if it has ended meanwhile."""
        return grant_store.use(uow, grant.id, now)

    def headers(self, request: Request, now: datetime) -> Mapping[str, str]:
        """The next nonce for proofs of the wallet's key (RFC 9449 §8.2)."""
        return self._bearers.proofs.headers(request, now)

    def _offered_kinds(self) -> frozenset[str]:
        known = self._catalogue.authorization_types.get(OPENID_CREDENTIAL)
        if known is None:
            return frozenset()
        return frozenset(known.fields["credential_configuration_id"].values)
