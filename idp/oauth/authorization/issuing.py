"""From a decided request to a code — RFC 6749 §4.1.2, RFC 9207."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from foundation import opaque
from foundation.database import UnitOfWork
from foundation.keys import Keys
from idp.login import Authenticated
from idp.oauth import (
    backchannel_requests,
    client_addresses,
    codes,
    details,
    device_codes,
    grant_store,
    pushed_requests,
    resources,
    session_states,
    subjects,
)
from idp.oauth.authorization import freshness
from idp.oauth.authorization.repeating import AnsweredMeanwhile
from idp.oauth.authorization.request import AuthorizationRequest
from idp.oauth.authorization.wishes import Wishes
from idp.oauth.client import Client
from idp.oauth.grant import Grant
from idp.oauth.session_states import SessionStates
from idp.oauth.settings import OAuthSettings


class Issuing:
    """Records the grant and its code, and says where the browser goes with it."""

    def __init__(
        self,
        settings: OAuthSettings,
        keys: Keys,
        wishes: Wishes,
        issuer: str,
        states: SessionStates,
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._wishes = wishes
        self._issuer = issuer
        self._states = states

    def issue(
        self,
        uow: UnitOfWork,
        request: AuthorizationRequest,
        client: Client,
        person: Authenticated,
        allowed: Collection[str],
        consent_id: str | None,
        until: datetime,
        now: datetime,
    ) -> str:
        """The redirect URI with `code`, `state` and `iss`, all of it in the caller's write.

        `allowed`: the attributes that the person chose or the law permits. `until`: how long
        their answer holds; nothing that rests on it outlives it. Raises AnsweredMeanwhile where a
        pushed request was answered before, in another tab.
        """
        if request.pushed is not None and not pushed_requests.use(
            uow, bytes.fromhex(request.pushed), now
        ):
            raise AnsweredMeanwhile
        lifetime = (
            self._settings.offline_grant_seconds
            if request.offline
            else self._settings.session_grant_seconds
        )
        ours = resources.is_ours(request.resource, self._issuer)
        grant = Grant(
            id=opaque.identifier("gra"),
            client_id=client.id,
            person_id=person.subject,
            subject=subjects.subject_of(uow, person.subject, client.sector, now),
            session_id=person.session_id,
            session_reference=subjects.session_reference(
                self._keys, person.session_id, client.sector
            ),
            consent_id=consent_id,
            purpose=request.purpose,
            scope=request.scope,
            audience=None if ours else request.resource,
            userinfo_attributes=tuple(
                name for name in self._wishes.for_userinfo(request, client) if name in allowed
            ),
            id_token_attributes=tuple(
                name for name in self._wishes.for_id_token(request, client) if name in allowed
            ),
            level=person.acr_level,
            amr=person.amr,
            auth_time=person.auth_time,
            nonce=request.nonce,
            offline=request.offline,
            created_at=now,
            expires_at=min(now + timedelta(seconds=lifetime), until),
            auth_time_told=freshness.told(request, person.auth_time),
            authorization_details=details.granted(request.authorization_details),
        )
        grant_store.add(uow, grant)
        if client.kind == "federated":
            client_addresses.hears(uow, client)
        if request.device is not None:
            if not device_codes.approve(uow, bytes.fromhex(request.device), grant.id):
                raise AnsweredMeanwhile
            return request.redirect_uri
        if request.backchannel is not None:
            asked = bytes.fromhex(request.backchannel)
            if not backchannel_requests.approve(uow, asked, grant.id, now):
                raise AnsweredMeanwhile
            return request.redirect_uri
        code = codes.issue(
            uow,
            grant_id=grant.id,
            client_id=client.id,
            redirect_uri=request.redirect_uri,
            code_challenge=request.code_challenge,
            now=now,
            lifetime=timedelta(seconds=self._settings.code_seconds),
            key_thumbprint=request.dpop_jkt,
        )
        said = {"code": code, "iss": self._issuer}
        if client.session_management:
            state = self._states.of(client, request.redirect_uri, person.session_id)
            said[session_states.PARAMETER] = state
        return request.way_back.place(said)
