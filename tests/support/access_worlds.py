"""Who calls, and what they would find of somebody else's: a world for each governance model."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from unittest import mock

from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from civitas.residents import as_csv, residents
from device_registry import Owner
from foundation.audit import SYSTEM, Actor
from foundation.audit.tables import events as audit_events
from foundation.clock import FrozenClock
from foundation.fetch import Fetch
from foundation.settings import Jurisdiction, Server
from idp import developers
from idp.broker.tables import broker_sessions as sessions
from idp.broker.upstreams.provider import slug_of
from idp.federation import FederationSettings
from idp.login.tables import credentials, removals
from idp.register import second_looks
from idp.register.tables import proofing_decisions
from idp.register.uniqueness import uniqueness
from tests.support import applying, deployments, devices, federation
from tests.support.access_walk import Caller, World
from tests.support.authorization_server import VERIFIER, answer_of, hidden_fields, request_of
from tests.support.city import City, Visitor

PROVIDER = "http://localhost:8000"
ROLES = ("officer", "auditor", "regulator")
OFFICER, PRINTER = Actor("staff", "stf_officer"), Actor("staff", "stf_printer")
LIBRARY: dict[str, Any] = {
    "client_name": "City Library",
    "redirect_uris": ["https://library.example/callback"],
    "scope": "openid profile email offline_access",
    "purposes": ["library"],
    "grant_types": ["authorization_code", "refresh_token"],
}
EVERYTHING = {
    "client_name": "Everything",
    "grant_types": ["client_credentials"],
    "scope": "access:evaluate devices:manage identity:check",
}


class _Federated(World):
    """A member of a federation in this process, and its regulator."""

    def __init__(
        self,
        folder: Path,
        others: federation.City,
        url: str,
        governance: Literal["provider", "regulator", "broker"],
    ) -> None:
        folder.mkdir()
        settings = deployments.settings_in(
            folder,
            Server(
                url=url,
                trusted_proxies=("testclient",),
                client_certificate_header="Client-Cert",
            ),
            Jurisdiction(
                name="Civitas",
                city="Tallinn",
                country="EE",
                time_zone="Europe/Tallinn",
                governance=governance,
                regulator=None if governance == "regulator" else federation.REGULATOR,
            ),
            FederationSettings(trust_anchors=others.anchor_keys),
        )
        with mock.patch.object(Fetch, "of", return_value=others.network):
            self.city = City(settings, others.clock)
        others.network.members[url] = self.city.browser().http
        self.parts: Mapping[str, Any] = self.city.deployment.parts

    def _let_in(self, visitor: Visitor) -> None:
        """A service that got tokens from the person of this browser, which others may find."""
        added = self.parts["oauth"].clients.add(LIBRARY, self.city.clock.now())
        asked = request_of(added.client.id, LIBRARY["redirect_uris"][0])
        code = _code(visitor, {**asked, "scope": "openid offline_access"})
        auth = {"auth": (added.client.id, added.secret)}
        self.holder = Caller(self.city.browser(), {}, lambda: auth)
        answer = self.holder.as_client(
            "/oauth/token",
            grant_type="authorization_code",
            code=code,
            redirect_uri=LIBRARY["redirect_uris"][0],
            code_verifier=VERIFIER,
        )
        held = _tokens(answer)
        self.of_others = {
            "grant_type": "refresh_token",
            "refresh_token": held["refresh_token"],
            "token": held["access_token"],
        }
        self.library = added.client.id
        self.ids = {"client_id": self.library}

    def _service(self) -> Caller:
        """With every scope that a service may have for itself."""
        added = self.parts["oauth"].clients.add(EVERYTHING, self.city.clock.now())
        auth = {"auth": (added.client.id, added.secret)}
        visitor = self.city.browser()
        answer = visitor.http.post(
            "/oauth/token", data={"grant_type": "client_credentials"}, **auth
        )
        return Caller(visitor, _bearer(answer), lambda: auth)

    def _consent(self, person_id: str) -> str:
        policies = self.parts["policies"]
        given: str = policies.consent.give(
            person_id=person_id,
            service="library",
            service_name="City Library",
            purpose="city.residence-services",
            asked=("resident_of_city",),
            chosen=("resident_of_city",),
            notice=policies.notice("city.residence-services", "City Library"),
        ).id
        return given

    def _staff_ids(self, member: Visitor) -> dict[str, str]:
        with self.city.runtime.database.write() as uow:
            recovery = self.city.register.staff_changes.ask_recovery(
                uow, member.id, "Lost their passkey", SYSTEM, self.city.clock.now()
            )
        return {"staff_id": member.id, "recovery_id": recovery}


class Regulator(_Federated):
    """The trust anchor of all here, with its staff, and an entity that it took up."""

    def __init__(self, folder: Path, others: federation.City) -> None:
        super().__init__(folder, others, federation.REGULATOR, "regulator")
        others.anchor_keys = {federation.REGULATOR: self.parts["federation"].key_set()}
        staff = {role: self.city.staff(role) for role in (*ROLES, "operator")}
        self.callers = {
            "nobody": Caller(self.city.browser()),
            **{role: Caller(visitor) for role, visitor in staff.items()},
        }
        events = select(audit_events.c.id).order_by(audit_events.c.at)
        with self.city.runtime.database.read() as uow:
            event = str(uow.connection.scalar(events))
        self.ids = {
            **self._staff_ids(staff["officer"]),
            "event_id": event,
            "secret": "invitation-of-somebody",
        }

    def accredit(self, entity_id: str, level: int | None) -> None:
        acts = self.parts["federation"].accreditation
        acts.accredit(entity_id, level, federation.OFFICER)
        self.ids = {**self.ids, "reference": acts.entities()[0].id}


class Provider(_Federated):
    """A provider that a regulator vouches for, with people, devices, and services of both kinds."""

    def __init__(self, folder: Path, others: federation.City, regulator: Regulator) -> None:
        super().__init__(folder, others, PROVIDER, "provider")
        people = list(residents(3, 11, city="Tallinn", country="EE"))
        *_, last = self.city.importer.run(as_csv(iter(people)), "register.csv")
        one, other, waiting = self.city.importer.persons(last.import_id)
        things = devices.same_city(self.city.runtime)
        device, _, certificate = things.enrolled(Owner("citizen", one))
        citizen = self.city.citizen(one, "one.citizen")
        citizen.add_and_use_passkey()
        staff = {role: self.city.staff(role) for role in (*ROLES, "developer")}
        self._let_in(citizen)
        self.callers = {
            "nobody": Caller(self.city.browser()),
            "another citizen": Caller(self.city.citizen(other, "other.citizen")),
            **{role: Caller(visitor) for role, visitor in staff.items()},
            "device": self._device(device.device.id, certificate),
            "service": self._service(),
            "federated service": self._federated_service(others, regulator, citizen),
            "operator": Caller(self.city.staff("operator")),
            "the citizen": Caller(citizen),
        }
        self.ids = {
            **self.ids,
            "client_id": self._made_by(staff["developer"]),
            **self._staff_ids(staff["officer"]),
            **self._ids_of_person(one, citizen),
            "import_id": last.import_id,
            "batch_id": self._batch(waiting),
            "resemblance_id": self._pair(people[-1]),
            "number": applying.apply(self.city.browser()),
            "device_id": device.device.id,
            "change_over_id": self._change_over(),
            "label": "devices",
            "authority": "devices-1",
            "request": "MAA",
            "secret": "invitation-of-somebody",
        }

    def _made_by(self, developer: Visitor) -> str:
        """A test service that a developer registered."""
        place = self.parts["developers"]
        made = place.add(
            developers.Owner("staff", developer.id), "Chess", "", "", ["https://chess.example/"], []
        )
        client_id: str = made.mine.client.id
        return client_id

    def _device(self, device_id: str, certificate: Any) -> Caller:
        der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
        shown, proof = {"Client-Cert": f":{der}:"}, {"client_id": device_id}
        visitor = self.city.browser()
        answer = visitor.http.post(
            "/oauth/token", data={"grant_type": "client_credentials", **proof}, headers=shown
        )
        return Caller(visitor, {**_bearer(answer), **shown}, lambda: proof)

    def _federated_service(
        self, others: federation.City, regulator: Regulator, citizen: Visitor
    ) -> Caller:
        """It authenticates by its key, and its token is one that the citizen gave it."""
        shop = others.service()
        regulator.accredit(shop.url, None)
        code = _code(citizen, shop.request(PROVIDER))
        form = shop.redemption(PROVIDER, grant_type="authorization_code", code=code)
        visitor = self.city.browser()
        return Caller(
            visitor,
            _bearer(visitor.http.post("/oauth/token", data=form)),
            lambda: shop.redemption(PROVIDER),
        )

    def _ids_of_person(self, person_id: str, visitor: Visitor) -> dict[str, str]:
        consent, runtime = self._consent(person_id), self.city.runtime
        password = select(credentials.c.id).where(
            credentials.c.subject_id == person_id, credentials.c.kind == "password"
        )
        passkey = select(credentials.c.id).where(
            credentials.c.subject_id == person_id, credentials.c.kind == "passkey"
        )
        decided = select(proofing_decisions.c.id).where(proofing_decisions.c.person_id == person_id)
        with runtime.database.read() as uow:
            credential = str(uow.connection.scalar(password))
            lost = str(uow.connection.scalar(passkey))
            decision = str(uow.connection.scalar(decided))
        said = visitor.mean_it(f"/account/credentials/{lost}/lost", "/account/credentials")
        assert said.headers["location"].endswith("done=lost"), said.headers
        with runtime.database.write() as uow:
            second_looks.open_(
                uow, [(decision, person_id)], second_looks.SAMPLE, runtime.clock.now()
            )
            (look,) = second_looks.waiting_for(uow, person_id)
            removal = str(uow.connection.scalar(select(removals.c.id)))
            corrections = self.city.register.corrections
            correction = corrections.ask(uow, person_id, "My name.", runtime.clock.now())
        return {
            "person_id": person_id,
            "consent_id": consent,
            "credential_id": credential,
            "removal_id": removal,
            "decision_id": decision,
            "look_id": look.id,
            "correction_id": correction,
            "event_id": runtime.audit.ledger(person_id, limit=1)[0].event_id,
        }

    def _pair(self, resident: Mapping[str, str]) -> str:
        """Somebody came once more, under another number."""
        double = as_csv(iter([{**resident, "civil_number": "48712030022"}]))
        list(self.city.importer.run(double, "double.csv"))
        with self.city.runtime.database.read() as uow:
            (pair,) = uniqueness.queue(uow)
        return pair.id

    def _batch(self, person_id: str) -> str:
        """A letter to somebody, printed: the file that it was in."""
        letters, now = self.city.register.letters, self.city.clock.now()
        with self.city.runtime.database.write() as uow:
            letters.ask(uow, person_id, OFFICER, now)
        batch_id, _ = letters.make("json", False, PRINTER, now)
        return batch_id

    def _change_over(self) -> str:
        now = self.city.clock.now()
        planned: str = (
            self.parts["devices"]
            .change_overs.plan("device-mldsa", now, now + timedelta(days=9), PRINTER, now)
            .id
        )
        return planned


class Broker(_Federated):
    """A hub between services and providers, and two people who came by one."""

    def __init__(self, folder: Path, others: federation.City, regulator: Regulator) -> None:
        super().__init__(folder, others, federation.BROKER, "broker")
        provider = others.provider()
        regulator.accredit(provider.url, 2)
        regulator.accredit(federation.BROKER, None)
        provider.member.federation.own_marks.renew()
        citizen = self._citizen(provider, "sub-of-one")
        self._let_in(citizen)
        self.callers = {
            "nobody": Caller(self.city.browser()),
            "another citizen": Caller(self._citizen(provider, "sub-of-other")),
            "service": self._service(),
            "the citizen": Caller(citizen),
        }
        with self.city.runtime.database.read() as uow:
            one = str(uow.connection.scalar(select(sessions.c.person_id)))
        self.ids = {"provider": slug_of(provider.url), "consent_id": self._consent(one), **self.ids}

    def _citizen(self, provider: federation.ScriptedProvider, subject: str) -> Visitor:
        provider.subject = subject
        visitor = self.city.browser()
        choice = visitor.get("/sign-in").headers["location"]
        chosen = {"provider": slug_of(provider.url), **hidden_fields(visitor.get(choice).text)}
        sent = visitor.http.post("/broker/choose", data=chosen)
        assert visitor.get(provider.authorize(sent.headers["location"])).status_code == 303
        return visitor


def _code(visitor: Visitor, asked: Mapping[str, str]) -> str:
    answer = visitor.get("/oauth/authorize", params=asked)
    if answer.headers["location"].startswith("/oauth/consent"):
        page = visitor.get(answer.headers["location"])
        form = {**hidden_fields(page.text), "answer": "accept"}
        answer = visitor.http.post("/oauth/consent", data=form)
    return answer_of(answer)["code"]


def _tokens(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    told: dict[str, str] = answer.json()
    return told


def _bearer(answer: Any) -> dict[str, str]:
    token = _tokens(answer)["access_token"]
    return {"Accept": "application/json", "Authorization": f"Bearer {token}"}


@contextmanager
def worlds(folder: Path) -> Iterator[dict[str, World]]:
    """One of each governance model, on one network."""
    others = federation.City(folder / "others", FrozenClock(deployments.START))
    regulator = Regulator(folder / "regulator", others)
    made: dict[str, World] = {
        "provider": Provider(folder / "provider", others, regulator),
        "broker": Broker(folder / "broker", others, regulator),
        "regulator": regulator,
    }
    yield made
    for world in made.values():
        world.city.close()
    others.close()
