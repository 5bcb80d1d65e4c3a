"""Adapters in the ports: small answers of one package, in the words of another."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.requests import Request

from device_registry import DeviceRefused, Devices
from documents import credentials, signing
from foundation.database import UnitOfWork
from foundation.errors import NotFound
from foundation.settings import Development, Settings
from foundation.vault import Erased
from foundation.web import Principal
from idp.federation import Federation
from idp.login import Authenticated, GoTo, Login, Requirement
from idp.oauth import Allowed, Client, InvalidClientMetadata, OAuth, client_from_metadata
from idp.register import NoSuchPerson, Register, Subject
from policies import Consent, Facts, Known, Policies

log = logging.getLogger("civitas.federation")


class FromTheRegister:
    """`oauth.ClaimsSource` and half of `policies.Subjects`, under provider: our own register."""

    def __init__(self, register: Register) -> None:
        self._register = register

    def known(self, person_id: str, session_id: str, level: int) -> Known:
        found = self._register.known(person_id)
        return Known(
            person_id, Facts(level, found.age, active=found.person.may_authenticate), found.claims
        )


def tells_people(register: Register) -> Callable[[UnitOfWork, str, datetime], None]:
    """`oauth` tells a person that a service asks them something: by e-mail, if there is an address;
    no letter would come in time, and their page shows it anyway."""

    def tell(uow: UnitOfWork, person_id: str, now: datetime) -> None:
        subject = Subject("citizen", person_id)
        register.notices.tell(uow, subject, "service.asks", now, told_already=True)

    return tell


class KnownByServices:
    """`policies.Subjects`: whom a service means by its own `sub`, and what is known of them."""

    def __init__(self, register: Register, tokens: OAuth) -> None:
        self._register = register
        self._tokens = tokens

    def known(self, service_id: str, sub: str) -> Known | None:
        sector = self._tokens.sector_of(service_id)
        if sector is None:
            return None
        with self._register.runtime.database.read() as uow:
            person_id = self._tokens.person_in(uow, sector, sub)
            if person_id is None:
                return None
            found = self._register.known(person_id, uow)
        return Known(
            person_id,
            Facts(found.person.level, found.age, active=found.person.may_authenticate),
            found.claims,
        )

    def purpose(self, service_id: str) -> str | None:
        return self._tokens.purpose_of(service_id)


class PeopleWithDocuments:
    """`locker.People`: our own register, and the subjects by which services know its people."""

    def __init__(self, register: Register, tokens: OAuth) -> None:
        self._register = register
        self._tokens = tokens

    def by_civil_number(self, number: str) -> str | None:
        with self._register.runtime.database.read() as uow:
            return self._register.by_civil_number(uow, number)

    def by_subject(self, service: str, subject: str) -> str | None:
        sector = self._tokens.sector_of(service)
        if sector is None:
            return None
        with self._register.runtime.database.read() as uow:
            return self._tokens.person_in(uow, sector, subject)

    def known(self, person_id: str, uow: UnitOfWork | None = None) -> Known:
        try:
            found = self._register.known(person_id, uow)
        except (NoSuchPerson, Erased):
            raise NotFound("There is no such identity any more.") from None
        person = found.person
        facts = Facts(person.level, found.age, active=person.may_authenticate)
        return Known(person_id, facts, found.claims)


class ServicesThatAsk:
    """`locker.Services`: the clients of this server."""

    def __init__(self, tokens: OAuth) -> None:
        self._tokens = tokens

    def name(self, service: str) -> str:
        found = self._find(service)
        return service if found is None else found.name

    def purposes(self, service: str) -> tuple[str, ...]:
        found = self._find(service)
        return () if found is None else found.purposes

    def owns_address(self, service: str, address: str) -> bool:
        found = self._find(service)
        return found is not None and found.owns_redirect(address)

    def _find(self, service: str) -> Client | None:
        return self._tokens.clients.find(service, self._tokens.runtime.clock.now())


class SigningParties:
    """`signing.Parties`: who signs, from sign-in and the register; who asks for it, from OAuth."""

    def __init__(self, login: Login, register: Register, tokens: OAuth, policies: Policies) -> None:
        self._login = login
        self._register = register
        self._tokens = tokens
        self._policies = policies

    def seen(self, request: Request, level: int, here: str) -> signing.Seen | signing.GoTo:
        # The way back names the transaction: a sign-in for another one is none for this.
        proof = Requirement(level, prompt=frozenset({"login"}), return_to=here, leave_to=here)
        proven = self._login.who(request, proof)
        if isinstance(proven, Authenticated):
            # Never above what this organisation is itself assured for.
            reached = min(proven.acr_level, self._policies.settings.organisation_level)
            return signing.Seen(proven.subject, reached, fresh=True)
        there = self._login.who(request, Requirement(return_to=here, leave_to=here))
        if isinstance(there, GoTo):
            return signing.GoTo(proven.url)
        return signing.Seen(there.subject, there.acr_level, fresh=False, prove=proven.url)

    def name_of(self, person_id: str) -> str:
        known = self._register.known(person_id)
        if not known.person.may_authenticate:
            return ""
        return str(known.claims(("name",)).get("name", ""))

    def meant(self, service_id: str, sub: str) -> str | None:
        sector = self._tokens.sector_of(service_id)
        if sector is None:
            return None
        with self._register.runtime.database.read() as uow:
            return self._tokens.person_in(uow, sector, sub)

    def service_name(self, service_id: str) -> str:
        found = self._client(service_id)
        return found.name if found is not None else service_id

    def comes_back_to(self, service_id: str, uri: str) -> bool:
        found = self._client(service_id)
        return found is not None and uri in found.redirect_uris

    def _client(self, service_id: str) -> Client | None:
        return self._tokens.clients.find(service_id, self._register.runtime.clock.now())


class WalletsOfPeople:
    """`credentials.Wallets`: who is there, from sign-in; wallets and their tokens, from OAuth; what
    is known of a person, from the register."""

    def __init__(self, login: Login, register: Register, tokens: OAuth) -> None:
        self._login = login
        self._people = PeopleWithDocuments(register, tokens)
        self._wallets = tokens.wallets

    def seen(self, request: Request, level: int, here: str) -> credentials.Seen | credentials.GoTo:
        found = self._login.who(request, Requirement(level, return_to=here, leave_to=here))
        if isinstance(found, GoTo):
            return credentials.GoTo(found.url)
        return credentials.Seen(found.subject, found.acr_level, found)

    def known(self) -> list[credentials.Wallet]:
        return [credentials.Wallet(one.id, one.name) for one in self._wallets.known()]

    def offer(
        self,
        uow: UnitOfWork,
        seen: credentials.Seen,
        wallet: str,
        *,
        code: str,
        forms: Mapping[str, str],
        attributes: Sequence[str],
        consent: Consent,
        now: datetime,
    ) -> credentials.Offered:
        made = self._wallets.offer(
            uow,
            seen.proof,
            wallet,
            code=code,
            forms=forms,
            attributes=attributes,
            consent=consent,
            now=now,
        )
        return credentials.Offered(made.code, made.tx_code, made.expires_at)

    def offered(self, code: str) -> tuple[Sequence[str], datetime] | None:
        return self._wallets.offered(code)

    def holder(self, request: Request) -> credentials.Holder:
        allowed: Allowed = self._wallets.allowed(request)
        grant = allowed.grant
        return credentials.Holder(
            person_id=grant.person_id,
            wallet=allowed.client.id,
            wallet_name=allowed.client.name,
            level=grant.level,
            purpose=grant.purpose,
            attributes=grant.userinfo_attributes,
            configurations=allowed.credentials,
            grant=grant,
        )

    def release(
        self, holder: credentials.Holder, names: Sequence[str], now: datetime
    ) -> Mapping[str, Any]:
        return self._wallets.release(holder.grant, names, now)

    def confirm(self, uow: UnitOfWork, holder: credentials.Holder, now: datetime) -> bool:
        return self._wallets.confirm(uow, holder.grant, now)

    def headers(self, request: Request, now: datetime) -> Mapping[str, str]:
        return self._wallets.headers(request, now)

    def facts(self, person_id: str, uow: UnitOfWork | None = None) -> Known:
        return self._people.known(person_id, uow)


class Federated:
    """`oauth.ClientSource`: relying parties that our regulator vouches for (§12.1)."""

    def __init__(self, federation: Federation, settings: Settings) -> None:
        self._federation = federation
        self._development = settings.of(Development).loopback_http

    def would_fetch(self, client_id: str, now: datetime) -> bool:
        return "://" in client_id and not self._federation.remembers(client_id)

    def find(self, client_id: str, now: datetime) -> Client | None:
        if "://" not in client_id:
            return None
        found = self._federation.self_described(client_id)
        if found is None:
            return None
        try:
            return client_from_metadata(
                client_id,
                found.said,
                development=self._development,
                kind="federated",
                vouched=found.vouched,
                scope=found.scope,
            )
        except InvalidClientMetadata as reason:
            log.warning("relying party %s is refused: %s", client_id, reason.description)
            return None


def device_is_active(devices: Devices) -> Callable[[str, datetime], bool]:
    """Whether a device may act now: asked each time one of its tokens is shown."""

    def active(device_id: str, now: datetime) -> bool:
        try:
            devices.may_act(device_id)
        except (DeviceRefused, NotFound):
            return False
        return True

    return active


def who_calls(
    by_token: Callable[[Request], Principal | None],
    by_session: Callable[[Request], Principal | None],
) -> Callable[[Request], Principal | None]:
    """`web.principal`: a token speaks for a program, a cookie for a person; never both."""

    def who(request: Request) -> Principal | None:
        if "authorization" in request.headers:
            return by_token(request)
        return by_session(request)

    return who
