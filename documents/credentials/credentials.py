"""Credentials that a person carries, as their endpoints see them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import quote

from documents.credentials import store
from documents.credentials.configurations import PURPOSE, Configuration, configurations
from documents.credentials.issuing import Issuing
from documents.credentials.offer import offer_of
from documents.credentials.ports import Offered, Seen, Wallet, Wallets
from documents.credentials.presenting.asking import Presentations
from documents.credentials.sd_jwt import base64url
from documents.credentials.signers import issuer_job, verifier_job
from documents.credentials.statuses import Statuses
from documents.credentials.store import Batch
from documents.locker import Document, Locker, Services
from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict, NotFound
from foundation.marking import N_
from foundation.pages import Translator
from foundation.runtime import Runtime
from foundation.settings import Server
from pki import CertificateAuthority, signer_for
from policies import Consent, Ended, Notice, Policies

SCHEME = "openid-credential-offer://"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person can have ready for a wallet: their identity, or a document of theirs."""

    configuration: Configuration
    identifier: str
    document: Document | None = None

    @property
    def key(self) -> str:
        return self.identifier


@dataclass(frozen=True, slots=True)
class Ready:
    """An offer as its person sees it: `by_reference` is for another device, `by_value` for this."""

    offered: Offered
    by_reference: str
    by_value: str


class Credentials:
    """Parts: `issuing`, `statuses`, `presentations`; the rest is what a person does in their
    account."""

    def __init__(
        self,
        runtime: Runtime,
        policies: Policies,
        locker: Locker,
        wallets: Wallets,
        services: Services,
        authority: CertificateAuthority,
    ) -> None:
        self.runtime = runtime
        self.policies = policies
        self.locker = locker
        self.wallets = wallets
        self.known = configurations(locker.kinds)
        self.keys = authority.signer_for(issuer_job(runtime.settings))
        here = f"{runtime.settings.of(Server).url}/credentials/status"
        self.statuses = Statuses(runtime, self.keys, here)
        self.issuing = Issuing(
            runtime, policies, self.known, wallets, locker, self.keys, self.statuses
        )
        self.verifier_keys = authority.signer_for(verifier_job(runtime.settings))
        self.presentations = Presentations(
            runtime,
            policies,
            self.known,
            services,
            self.verifier_keys,
            partial(authority.recognise, issuer_job(runtime.settings)),
            self.statuses,
        )
        now = runtime.clock.now
        runtime.jobs.periodic(
            "keys of credentials", timedelta(hours=12), lambda: self._renew(now())
        )
        runtime.jobs.periodic("old credentials", timedelta(hours=1), lambda: self._sweep(now()))

    @property
    def url(self) -> str:
        return self.issuing.url

    def ready(self, now: datetime) -> None:
        """At each start: the key that signs credentials has its certificate."""
        self.keys.prepare(now)
        self.verifier_keys.prepare(now)

    # ── what a person has ready ───────────────────────────────────────────────────────

    def choices(self, person_id: str) -> list[Choice]:
        """What this person can carry now."""
        found = []
        with self.runtime.database.read() as uow:
            for one in self.known.values():
                if one.kind is None:
                    found.append(Choice(one, one.id))
                    continue
                for document in self.locker.valid(person_id, one.kind, uow):
                    found.append(Choice(one, document.id, document))
        return found

    def level_of(self, configuration: Configuration) -> int:
        """The level at which all of it may leave."""
        return max(self._level(name) for name in configuration.attributes)

    def within(self, configuration: Configuration, level: int) -> list[str]:
        """The claims that it is made of and that may leave at this level."""
        return [name for name in configuration.attributes if self._level(name) <= level]

    def _level(self, attribute: str) -> int:
        known = self.policies.catalogue
        return known.classes[known.attributes[attribute].data_class].minimum_level

    def notice(self, wallet: Wallet, words: Translator) -> Notice:
        return self.policies.notice(PURPOSE, wallet.name, words.language, words)

    def wallet(self, wallet_id: str) -> Wallet:
        """Raises NotFound."""
        found = next((one for one in self.wallets.known() if one.id == wallet_id), None)
        if found is None:
            raise NotFound(N_("There is no such wallet."))
        return found

    def offer(
        self,
        seen: Seen,
        wallet: Wallet,
        choice: Choice,
        chosen: Sequence[str],
        notice: Notice,
        now: datetime,
    ) -> Ready:
        """The person's consent and the offer that rests on it, in one unit of work.

        `chosen`: claims of the catalogue; what is asked is what the kind of credential is made of.
        """
        asked = choice.configuration.attributes
        if not chosen or not set(chosen) <= set(asked):
            raise BadRequest(
                N_("You ticked nothing, so the credential would be empty."), where="give"
            )
        secret, kind = opaque.secret(), choice.configuration.kind
        with self.runtime.database.write() as uow:
            if kind is not None and not self.locker.valid(
                seen.person_id, kind, uow, choice.identifier, locked=True
            ):
                raise Conflict(N_("Only a document that is valid can be carried."))
            consent = self.policies.consent.give(
                person_id=seen.person_id,
                service=wallet.id,
                service_name=wallet.name,
                purpose=PURPOSE,
                asked=asked,
                chosen=chosen,
                notice=notice,
                explicit=kind is not None and kind.special,
                uow=uow,
            )
            offered = self.wallets.offer(
                uow,
                seen,
                wallet.id,
                code=code_of(secret),
                forms={
                    form.id: form.identifier(choice.identifier)
                    for form in choice.configuration.forms
                },
                attributes=chosen,
                consent=consent,
                now=now,
            )
            self.runtime.audit.record(
                uow,
                "wallet.offered",
                Actor("citizen", seen.person_id),
                (seen.person_id,),
                {
                    "service": wallet.id,
                    "service_name": wallet.name,
                    "document": choice.configuration.title,
                },
            )
        reference = quote(f"{self.url}/openid4vci/offers/{secret}", safe="")
        which = [form.id for form in choice.configuration.forms]
        value = quote(self.said(which, offered.code), safe="")
        return Ready(
            offered,
            f"{SCHEME}?credential_offer_uri={reference}",
            f"{SCHEME}?credential_offer={value}",
        )

    def said(self, which: Sequence[str], code: str) -> str:
        """A credential offer — OpenID4VCI §4.1.1."""
        return json.dumps(offer_of(self.url, which, code), separators=(",", ":"))

    # ── what a person's wallets hold ──────────────────────────────────────────────────

    def held(self, person_id: str) -> list[tuple[Batch, str]]:
        """Copies that are good now, each with the name of its wallet."""
        with self.runtime.database.read() as uow:
            found = store.batches_of_person(uow, person_id, self.runtime.clock.now())
        names = {one.id: one.name for one in self.wallets.known()}
        return [(batch, names.get(batch.wallet, batch.wallet)) for batch in found]

    def end(self, person_id: str, batch_id: str) -> None:
        """The person ends copies that a wallet of theirs holds: it was lost, or is not used."""
        now, actor = self.runtime.clock.now(), Actor("citizen", person_id)
        with self.runtime.database.write() as uow:
            if store.end_batch(uow, batch_id, person_id, "ended by the person", now):
                self.runtime.audit.record(uow, "wallet.ended", actor, (person_id,), {})

    def _renew(self, now: datetime) -> bool:
        renewed = [keys.renew(now) for keys in (self.keys, self.verifier_keys)]
        return any(renewed)

    def _sweep(self, now: datetime) -> int:
        with self.runtime.database.write() as uow:
            return store.sweep(uow, now - timedelta(days=1))


def code_of(secret: str) -> str:
    """The pre-authorised code behind the secret of an offer's address: nothing of it is kept."""
    return base64url(hashlib.sha256(f"offer\0{secret}".encode()).digest())


# ── ends ──────────────────────────────────────────────────────────────────────────────


class CredentialsEndWithConsent:
    """`policies.EndsWithConsent`: what a wallet holds by a consent that is withdrawn."""

    def end(self, uow: UnitOfWork, consent: Consent, reason: str, now: datetime) -> Ended:
        if consent.purpose != PURPOSE:
            return Ended("credentials", 0)
        ended = store.end_at_wallet(uow, consent.person_id, consent.service, reason, now)
        return Ended("credentials", ended)


class CredentialsEndWithIdentity:
    """`register.EndsWithIdentity`: everything that this person's wallets hold."""

    def end_identity(self, uow: UnitOfWork, person_id: str, transition: str, now: datetime) -> None:
        store.end_of_person(uow, person_id, f"identity: {transition}", now)


class CredentialsEndWithDocument:
    """`locker.EndsWithDocument`: what was made from a document that is another one now."""

    def end_document(self, uow: UnitOfWork, document_id: str, because: str, now: datetime) -> None:
        store.end_of_document(uow, document_id, f"document {because}", now)


def prepare(runtime: Runtime) -> None:
    """Make the key that signs credentials, and its certificate, before it serves; idempotent."""
    for job in (issuer_job(runtime.settings), verifier_job(runtime.settings)):
        signer_for(runtime, job).prepare(runtime.clock.now())
