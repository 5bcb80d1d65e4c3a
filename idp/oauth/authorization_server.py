"""The authorization server put together; it reads as a list."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from foundation.cross_origin import origin as origin_of
from foundation.database import UnitOfWork
from foundation.fetch import Fetch
from foundation.recent import Recent
from foundation.runtime import Runtime
from foundation.settings import Development, Jurisdiction, Server
from foundation.web import Principal
from idp.login import WhoIsThere
from idp.oauth import catalogue_check, client_addresses, cut_offs, resources, subjects, sweeping
from idp.oauth.active_tokens import ActiveTokens, DeviceIsActive
from idp.oauth.authorization.answering import Answering
from idp.oauth.authorization.asking import Asking
from idp.oauth.authorization.backchannel import Backchannel, Tells
from idp.oauth.authorization.flow import Authorization
from idp.oauth.authorization.issuing import Issuing
from idp.oauth.authorization.on_devices import OnDevices
from idp.oauth.authorization.pushing import Pushing
from idp.oauth.authorization.reading import Reading
from idp.oauth.authorization.repeating import Repeating
from idp.oauth.authorization.responding import Responses
from idp.oauth.authorization.wishes import Wishes
from idp.oauth.bearer import Bearers
from idp.oauth.client import OFFLINE_ACCESS, OPENID, OPENID_CREDENTIAL
from idp.oauth.client_authentication import Authenticator
from idp.oauth.client_authentication.basic import ClientSecretBasic
from idp.oauth.client_authentication.none import PublicClient
from idp.oauth.client_authentication.post import ClientSecretPost
from idp.oauth.client_authentication.private_key_jwt import PrivateKeyJwt
from idp.oauth.client_authentication.self_signed_tls_client_auth import (
    SelfSignedTlsClientAuth,
)
from idp.oauth.client_authentication.tls_client_auth import (
    AuthenticateDevice,
    TlsClientAuth,
    ValidateCertificate,
)
from idp.oauth.clients import Clients
from idp.oauth.discovery import PATHS
from idp.oauth.dpop import Nonces, Proofs
from idp.oauth.dynamic.registering import Registering
from idp.oauth.families import Families
from idp.oauth.grants.authorization_code import AuthorizationCode
from idp.oauth.grants.ciba import CibaGrant
from idp.oauth.grants.client_credentials import ClientCredentials
from idp.oauth.grants.device_code import DeviceCodeGrant
from idp.oauth.grants.pipeline import Pipeline
from idp.oauth.grants.pre_authorized_code import PreAuthorizedCodeGrant
from idp.oauth.grants.refresh_token import Refresh
from idp.oauth.grants.token_exchange import TokenExchange
from idp.oauth.keys_of_clients import KeysOfClients
from idp.oauth.logout.delivery import Delivery
from idp.oauth.logout.frames import Frames
from idp.oauth.never_above import NeverAbove
from idp.oauth.pings import Pings
from idp.oauth.ports import Ceiling, ClaimsSource, ClientSource, SignsOut
from idp.oauth.principal import TokenPrincipals
from idp.oauth.release import Releases
from idp.oauth.revocation import Revocation
from idp.oauth.secrets import ClientSecrets
from idp.oauth.session_states import SessionStates
from idp.oauth.settings import ClientsSettings, OAuthSettings
from idp.oauth.signals.delivery import Pushes
from idp.oauth.signals.management import Streams
from idp.oauth.signing_out import SigningOut
from idp.oauth.stopping import Stopping
from idp.oauth.trying import Trying
from idp.oauth.wallets import Wallets
from idp.oauth.watching import Watching
from idp.oauth.ways_back import WaysBack
from policies import Policies

SIGNING_USES = ("jwt", "jwt-rs256")
log = logging.getLogger("civitas.oauth")


class OAuth:
    """Everything behind `/oauth/…`; one per process, safe to share between threads."""

    def __init__(
        self,
        runtime: Runtime,
        policies: Policies,
        who: WhoIsThere,
        signs_out: SignsOut,
        claims: ClaimsSource,
        sources: Sequence[ClientSource] = (),
        authenticate_device: AuthenticateDevice | None = None,
        device_is_active: DeviceIsActive | None = None,
        validate_certificate: ValidateCertificate | None = None,
        ceiling: Ceiling | None = None,
        tells: Tells | None = None,
    ) -> None:
        """`who`: who is there. `claims`: values of attributes. `sources`: clients from elsewhere.
        `ceiling`: the level of this deployment itself, if it has one. `tells`: a person, of what a
        service asks them. The others connect devices
        and certificates of services; without them there are none.
        """
        ceiling = ceiling or (lambda: max(policies.catalogue.levels))
        who = NeverAbove(who, ceiling)
        self.runtime = runtime
        self.policies = policies
        self.settings = runtime.settings.of(OAuthSettings)
        self.issuer = runtime.settings.of(Server).url
        self.signs_out = signs_out
        database, keys = runtime.database, runtime.keys
        secrets = ClientSecrets(keys)
        self.clients = Clients(
            database,
            secrets,
            runtime.audit,
            development=runtime.settings.of(Development).loopback_http,
            complete=catalogue_check.against(policies.catalogue),
            rates=runtime.rates,
            unknown_per_minute=self.settings.unknown_clients_per_minute,
            sources=sources,
        )
        fetch = Fetch.of(runtime.settings)
        keys_of_clients = KeysOfClients(fetch)
        self.families = Families(runtime.audit)
        self.releases = Releases(database, policies, claims, self.clients, ceiling)
        self.authenticator = Authenticator(
            self.clients,
            (
                ClientSecretBasic(secrets),
                ClientSecretPost(secrets),
                PrivateKeyJwt(database, self._hosts, PATHS["token_endpoint"], keys_of_clients),
                TlsClientAuth(authenticate_device, validate_certificate),
                SelfSignedTlsClientAuth(keys_of_clients),
                PublicClient(),
            ),
            runtime.rates,
            self.settings.client_failures_per_minute,
        )
        self.active_tokens = ActiveTokens(
            database, keys, self.clients, self.issuer, device_is_active or _no_device
        )
        personal = frozenset(policies.catalogue.scopes())
        with_nonces = self.settings.dpop_nonces
        self.proofs = Proofs(database, Nonces(keys), self._hosts, with_nonces=with_nonces)
        self.watching = Watching(
            database, runtime.clock.now, runtime.settings.of(Jurisdiction).time_zone
        )
        runtime.jobs.here(timedelta(seconds=2), self.watching.write_down)
        self.pipeline = Pipeline(
            runtime,
            self.settings,
            self.issuer,
            self.authenticator,
            self.proofs,
            (
                AuthorizationCode(database, self.families),
                Refresh(database, self.families),
                ClientCredentials(personal),
                TokenExchange(
                    self.active_tokens,
                    self.clients,
                    runtime.audit,
                    personal | {OPENID, OFFLINE_ACCESS},
                ),
                DeviceCodeGrant(database, self.families),
                CibaGrant(database, self.families),
                # Where nobody issues credentials nothing is offered to wallets.
                *(
                    (PreAuthorizedCodeGrant(database, keys, self.families),)
                    if OPENID_CREDENTIAL in policies.catalogue.authorization_types
                    else ()
                ),
            ),
            self.families,
            self.releases,
            ceiling,
            policies.catalogue.authorization_types,
            self.watching,
        )
        wishes = Wishes(policies.catalogue)
        repeating = Repeating(runtime)
        asking = Asking(database, policies, wishes, self.releases)
        self.session_states = SessionStates(runtime, signs_out)
        issuing = Issuing(self.settings, keys, wishes, self.issuer, self.session_states)
        detail_types = policies.catalogue.authorization_types
        self.responses = Responses(runtime, self.issuer, self.clients, who, self.session_states)
        reading = Reading(
            runtime,
            self.settings,
            self.issuer,
            self.clients,
            self.responses,
            detail_types,
            keys_of_clients,
        )
        self.pushing = Pushing(runtime, self.settings, self.authenticator, self.proofs, reading)
        self.authorization = Authorization(
            runtime,
            self.settings,
            self.issuer,
            self.clients,
            reading,
            who,
            asking,
            issuing,
            repeating,
        )
        self.on_devices = OnDevices(
            runtime, self.settings, self.issuer, self.authenticator, self.authorization
        )
        self.backchannel = Backchannel(
            runtime, self.settings, self.issuer, self.authenticator, self.authorization, tells
        )
        self.pings = Pings(runtime, self.clients, fetch, self.backchannel.opened)
        self.ways_back = WaysBack(runtime, self.clients, repeating, self.issuer)
        self.answering = Answering(runtime, policies, self.authorization)
        self.trying = Trying(runtime, self.issuer, self.pipeline, self.releases, self.families)
        self.bearers = Bearers(self.active_tokens, self.proofs)
        self.wallets = Wallets(
            runtime,
            self.settings,
            self.issuer,
            self.clients,
            self.bearers,
            self.releases,
            policies.catalogue,
        )
        self.revocation = Revocation(database, keys, self.families, self.issuer)
        self.stopping = Stopping()
        self.frames = Frames(runtime, self.issuer, self.clients)
        self.sign_outs = Delivery(runtime, self.issuer, self.clients, fetch)
        self.pushes = Pushes(runtime, self.issuer, self.clients, fetch)
        self.streams = Streams(runtime, self.issuer, self.pushes)
        self.registering = Registering(
            runtime,
            runtime.settings.of(ClientsSettings),
            self.clients,
            secrets,
            self.stopping,
            fetch,
            self.issuer,
        )
        self.signing_out = SigningOut(keys, self.issuer, self.clients, who)
        # Origins of clients' pages that asked: known even while the database is away.
        self._pages: Recent[str, bool] = Recent(1000)
        self._principals = TokenPrincipals(self.bearers, self.issuer, runtime.clock)
        runtime.jobs.periodic(
            "oauth sweep",
            timedelta(minutes=10),
            lambda: sweeping.sweep(database, runtime.clock.now()),
        )

        development = runtime.settings.of(Development).loopback_http
        runtime.jobs.periodic(
            "addresses of clients",
            timedelta(days=1),
            lambda: client_addresses.fill(database, development),
        )
        runtime.jobs.periodic(
            "ends of tokens",
            timedelta(seconds=15),
            lambda: cut_offs.set_right(database, runtime.clock.now()),
        )

    def resource_metadata(self, path: str) -> str:
        """Where a program that was refused at `path` learns where tokens for it come from."""
        return resources.metadata_url(self.issuer, path)

    def principal_of_token(self, request: Request) -> Principal | None:
        """The service or device that calls with its own token; None without a bearer token.

        Raises errors.InvalidToken for a dead token, or one bound to another certificate.
        """
        return self._principals.principal(request)

    def person_of(self, service_id: str, sub: str) -> str | None:
        """The person whom this service knows as `sub`, or None (`policies.Subjects`)."""
        sector = self.sector_of(service_id)
        if sector is None:
            return None
        with self.runtime.database.read() as uow:
            return self.person_in(uow, sector, sub)

    def sector_of(self, service_id: str) -> str | None:
        """The sector whose subjects this service knows; None for a service that is unknown. May
        fetch, as `ClientSource.find`: never inside a unit of work."""
        client = self.clients.find(service_id, self.runtime.clock.now())
        return None if client is None else client.sector

    def person_in(self, uow: UnitOfWork, sector: str, sub: str) -> str | None:
        """The person whom services of this sector know as `sub`, or None."""
        return subjects.person_of(uow, sector, sub)

    def subject_in(self, uow: UnitOfWork, sector: str, person_id: str, now: datetime) -> str:
        """The pairwise subject of a person in a sector, made at first need."""
        return subjects.subject_of(uow, person_id, sector, now)

    def purpose_of(self, service_id: str) -> str | None:
        """The one purpose that this service is registered for, or None (`policies.Subjects`)."""
        client = self.clients.find(service_id, self.runtime.clock.now())
        return None if client is None else client.purpose_of(None)

    def is_client_origin(self, origin: str) -> bool:
        """Whether a browser page of that origin belongs to a public client of ours."""
        origin = origin.lower()
        if origin in {origin_of(known) for known in self.settings.allowed_origins}:
            return True
        try:
            known = self.clients.has_pages_of(origin)
        except SQLAlchemyError:
            # That the database is away is to be read, too: by those who were known last.
            log.info("origins of clients are those that were known last")
            return self._pages.get(origin) or False
        if known:
            self._pages.put(origin, True)
        else:
            self._pages.forget(origin)
        return known

    @cached_property
    def _hosts(self) -> tuple[str, ...]:
        server = self.runtime.settings.of(Server)
        return tuple(url for url in (server.url, server.tls_url) if url is not None)


def prepare(runtime: Runtime) -> None:
    """Make the keys that sign tokens, and what older programs left out; run by `civitas init` and
    `civitas db upgrade`."""
    client_addresses.fill(
        runtime.database, development=runtime.settings.of(Development).loopback_http
    )
    runtime.keys.ensure("jwt", "ES256")
    runtime.keys.ensure("jwt-rs256", "RS256")


def _no_device(device_id: str, now: datetime) -> bool:
    return False
