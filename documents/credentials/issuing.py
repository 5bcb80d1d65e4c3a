"""A credential goes into a wallet: decided, recorded, signed — OpenID4VCI §8, SD-JWT VC.

Each copy has a key, salts, digests and a place in the status list of its own, so that services that
see two of them see nothing that both have, but the dates that all copies of a day have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from cryptography import x509

from documents.credentials import configurations, proofs, sd_jwt, store
from documents.credentials.attestations import attesters_in
from documents.credentials.configurations import (
    FORMAT,
    MDOC,
    Configuration,
    Form,
    forms,
    type_name,
)
from documents.credentials.deferring import Deferrals, Deferred
from documents.credentials.encryption import RequestKeys
from documents.credentials.errors import (
    CredentialDenied,
    InvalidCredentialRequest,
    InvalidNonce,
    InvalidNotificationId,
    InvalidTransactionId,
    UnknownConfiguration,
    UnknownIdentifier,
)
from documents.credentials.mdoc import issued
from documents.credentials.mdoc.issued import Validity
from documents.credentials.nonces import Nonces
from documents.credentials.ports import Holder, Wallets
from documents.credentials.settings import CredentialsSettings
from documents.credentials.signers import signed
from documents.credentials.statuses import Statuses
from documents.credentials.store import Place
from documents.locker import Kind, Locker
from foundation import opaque
from foundation.audit import Actor
from foundation.clock import instant
from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from foundation.settings import Server
from pki import CertifiedKey, OwnSigner
from policies import Deny, Policies, Question, acr_of

BUCKET, MINUTE = "credentials-issued", timedelta(minutes=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """Copies of a credential, and by which secret the wallet says what became of them."""

    credentials: Sequence[str]
    notification_id: str


@dataclass(frozen=True, slots=True)
class _Said:
    """What a credential will say. `document_id`: what it was made from, if that is a document."""

    claims: Mapping[str, Any]
    document_id: str | None = None
    ends_at: datetime | None = None


class Issuing:
    """Safe to share between threads."""

    def __init__(
        self,
        runtime: Runtime,
        policies: Policies,
        known: Mapping[str, Configuration],
        wallets: Wallets,
        locker: Locker,
        keys: OwnSigner,
        statuses: Statuses,
    ) -> None:
        self._runtime = runtime
        self._policies = policies
        self.known = known
        self._forms = forms(known)
        self._wallets = wallets
        self._locker = locker
        self._keys = keys
        self._statuses = statuses
        self.settings = runtime.settings.of(CredentialsSettings)
        self.nonces = Nonces(runtime.keys)
        self.request_keys = RequestKeys(runtime.keys)
        file = self.settings.key_attesters
        self.attesters = attesters_in(
            runtime.settings.resolve(file) if file else None, self.settings.batch
        )
        self._deferrals = Deferrals(runtime.keys, self.settings.deferred_days)
        self.url = runtime.settings.of(Server).url

    def issue(self, holder: Holder, body: Mapping[str, Any], now: datetime) -> Issued | Deferred:
        """What a credential request asks for. Raises the errors of §8.3.1."""
        form, identifier = self._wanted(holder, body)
        vouched = partial(self.attesters.vouched, now=now) if self.attesters.required else None
        kinds = (proofs.JWT, proofs.ATTESTATION) if vouched else (proofs.JWT,)
        keys, nonce = proofs.keys_of(
            proofs.listed(body, self.settings.batch, kinds),
            self.url,
            holder.wallet,
            partial(self.nonces.is_ours, now=now),
            now,
            vouched,
        )
        with self._runtime.database.write() as uow:
            # Used up first: what is refused after this has cost the wallet its nonce, and no more.
            if not self.nonces.use(uow, nonce, now):
                raise InvalidNonce("nonce of the proof was used: ask for a new one.")
            most = self.settings.issued_per_minute
            self._runtime.rates.attempt(uow, BUCKET, holder.person_id, most, MINUTE, now)
        if form.configuration.kind is None:
            said = self._of_identity(holder, form.configuration, now)
            return self._record(holder, form, said, keys, now)
        return self._of_document(holder, form, identifier, keys, now)

    def deferred(self, holder: Holder, transaction_id: Any, now: datetime) -> Issued | Deferred:
        """What a wallet waited for, or that it still has to wait. Raises the errors of §9.3."""
        waiting = self._deferrals.opened(transaction_id, holder, now)
        form = self._forms.get(waiting.form)
        if form is None or form.id not in holder.configurations:
            raise InvalidTransactionId("The token is for no credential of this transaction.")
        with self._runtime.database.write() as uow:
            most = self.settings.issued_per_minute
            self._runtime.rates.attempt(uow, BUCKET, holder.person_id, most, MINUTE, now)

        def used(uow: UnitOfWork) -> None:
            self._deferrals.use(uow, transaction_id, waiting)

        made = self._of_document(holder, form, "", waiting.keys, now, used)
        return Deferred(transaction_id) if isinstance(made, Deferred) else made

    def note(self, holder: Holder, notification_id: str, event: str, now: datetime) -> None:
        """What became of copies, as their wallet says (§11). Deleted ones are good for nothing."""
        digest = opaque.digest(notification_id)
        with self._runtime.database.write() as uow:
            batch = store.note_said(uow, digest, holder.wallet, event)
            if batch is None or batch.person_id != holder.person_id:
                raise InvalidNotificationId("There is no such notification_id of this wallet.")
            if event == "deleted":
                store.end_batch(uow, batch.id, holder.person_id, "deleted in the wallet", now)

    # ── what is asked for ─────────────────────────────────────────────────────────────

    def _wanted(self, holder: Holder, body: Mapping[str, Any]) -> tuple[Form, str]:
        """The kind in its form, and the identifier of one of it; empty for any."""
        identifier, named = (
            body.get("credential_identifier"),
            body.get("credential_configuration_id"),
        )
        if (identifier is None) == (named is None):
            raise InvalidCredentialRequest(
                "Send credential_identifier or credential_configuration_id: one of the two (§8.2)."
            )
        allowed = holder.configurations
        if identifier is not None:
            found = next((k for k, ids in allowed.items() if identifier in ids), None)
            if found is None or found not in self._forms:
                raise UnknownIdentifier("The token is for no credential of this identifier.")
            return self._forms[found], self._one(found, str(identifier))
        if named not in allowed or named not in self._forms:
            raise UnknownConfiguration("The token is for no credential of this configuration.")
        ids = allowed[str(named)]
        if len(ids) > 1:
            raise InvalidCredentialRequest("The token is for several: send credential_identifier.")
        return self._forms[str(named)], self._one(str(named), ids[0] if ids else "")

    def _one(self, which: str, identifier: str) -> str:
        """Of a document its own identifier; empty where any of its kind is meant."""
        return "" if identifier == which else self._forms[which].identified(identifier)

    # ── what it will say ──────────────────────────────────────────────────────────────

    def _of_identity(self, holder: Holder, configuration: Configuration, now: datetime) -> _Said:
        wanted = [name for name in configuration.attributes if name in holder.attributes]
        released = self._wallets.release(holder, wanted, now)
        age = self._wallets.facts(holder.person_id).facts.age
        claims = configurations.of_identity(released, age, acr_of(holder.level))
        if not claims:
            raise CredentialDenied(
                "Nothing is released for it: the person chose nothing, or took it back."
            )
        return _Said(claims)

    def _of_document(
        self,
        holder: Holder,
        form: Form,
        identifier: str,
        keys: Sequence[dict[str, str]],
        now: datetime,
        used: Callable[[UnitOfWork], None] = lambda uow: None,
    ) -> Issued | Deferred:
        """The document stays as it is until its copies are on record: what ends it ends them.
        `used`: what is used up with them."""
        kind = form.configuration.kind
        assert kind is not None  # noqa: S101 - the caller's case
        if kind.claim not in holder.attributes:
            raise CredentialDenied("The person did not choose this document for the wallet.")
        question = Question(holder.wallet, holder.person_id, (kind.claim,), holder.purpose, now)
        said, batch, places = None, "", list[Place]()
        with self._runtime.database.write() as uow:
            found = self._locker.valid(holder.person_id, kind, uow, identifier, locked=True)
            facts = self._wallets.facts(holder.person_id, uow).facts
            decision = self._policies.decide(question, facts, uow=uow, record=False)
            if not isinstance(decision, Deny) and not found:
                if not identifier and self._is_awaited(uow, holder, kind):
                    # Nothing was given, so nothing stands in the ledger yet.
                    return self._deferrals.new(holder, form.id, keys, now)
                decision = self._policies.refuse("document-not-valid")
            decision = self._policies.record(uow, question, decision)
            if not isinstance(decision, Deny) and found[0].content is not None:
                document = found[0]
                claims = configurations.of_document(document, found[0].content)
                said = _Said(claims, document.id, document.valid_until)
                used(uow)
                batch, places = self._noted(uow, holder, form.configuration, said, len(keys), now)
        # The unit of work is over: that it was refused stands in the ledger.
        if said is None:
            reason = decision.reason if isinstance(decision, Deny) else "It cannot be read."
            raise CredentialDenied(reason)
        return Issued(self._sign(form, said, keys, places, now), batch)

    def _is_awaited(self, uow: UnitOfWork, holder: Holder, kind: Kind) -> bool:
        """Whether a wallet may wait for the first document of a kind."""
        return bool(self._deferrals.days) and self._locker.has_none(holder.person_id, kind, uow)

    # ── recorded, signed ──────────────────────────────────────────────────────────────

    def _record(
        self,
        holder: Holder,
        form: Form,
        said: _Said,
        keys: Sequence[Mapping[str, str]],
        now: datetime,
    ) -> Issued:
        kind = form.configuration
        with self._runtime.database.write() as uow:
            notification, places = self._noted(uow, holder, kind, said, len(keys), now)
        return Issued(self._sign(form, said, keys, places, now), notification)

    def _noted(
        self,
        uow: UnitOfWork,
        holder: Holder,
        configuration: Configuration,
        said: _Said,
        copies: int,
        now: datetime,
    ) -> tuple[str, list[Place]]:
        if not self._wallets.confirm(uow, holder, now):
            raise CredentialDenied("What the person allowed this wallet has just ended.")
        batch_id, notification = opaque.identifier("crb"), opaque.secret()
        until = self._until(said, now)
        store.add_batch(
            uow,
            {
                "id": batch_id,
                "person_id": holder.person_id,
                "wallet": holder.wallet,
                "configuration": configuration.id,
                "document_id": said.document_id,
                "copies": copies,
                "notification_digest": opaque.digest(notification),
                "state": store.VALID,
                "issued_at": now,
                "expires_at": until,
            },
        )
        places = store.take_places(uow, batch_id, copies, until)
        self._runtime.audit.record(
            uow,
            "wallet.issued",
            Actor("service", holder.wallet),
            (holder.person_id,),
            {
                "service": holder.wallet,
                "service_name": holder.wallet_name,
                "document": configuration.title,
                "copies": copies,
                "until": until,
            },
        )
        return notification, places

    def _sign(
        self,
        form: Form,
        said: _Said,
        keys: Sequence[Mapping[str, str]],
        places: Sequence[Place],
        now: datetime,
    ) -> Sequence[str]:
        by, until = self._keys.key(now), self._until(said, now)
        make = self._sd_jwt if form.format == FORMAT else self._mdoc
        # To the day, so that many people's copies have the same.
        return [
            make(by, form.configuration, said, key, self._status(place), _day(now), until)
            for key, place in zip(keys, places, strict=True)
        ]

    def _status(self, place: Place) -> Mapping[str, Any]:
        return {"status_list": {"idx": place.idx, "uri": self._statuses.uri(place.list)}}

    def _sd_jwt(
        self,
        by: CertifiedKey,
        configuration: Configuration,
        said: _Said,
        key: Mapping[str, str],
        status: Mapping[str, Any],
        begins: datetime,
        ends: datetime,
    ) -> str:
        payload, disclosures = sd_jwt.concealed(said.claims, configuration.places)
        payload |= {
            "iss": self.url,
            "vct": type_name(self.url, configuration.id, FORMAT),
            "iat": int(begins.timestamp()),
            "exp": int(ends.timestamp()),
            "cnf": {"jwk": dict(key)},
            "status": status,
        }
        return sd_jwt.joined(signed(by, FORMAT, payload), disclosures)

    def _mdoc(
        self,
        by: CertifiedKey,
        configuration: Configuration,
        said: _Said,
        key: Mapping[str, str],
        status: Mapping[str, Any],
        begins: datetime,
        ends: datetime,
    ) -> str:
        # ISO/IEC 18013-5 §9.3.1: it is signed while the certificate is good, which may be of today.
        # Whoever is issued a copy by this certificate has the same.
        certified = x509.load_der_x509_certificate(by.certificate).not_valid_before_utc
        begins = max(begins, certified)
        raw = issued.issued(
            by,
            type_name(self.url, configuration.id, MDOC),
            configurations.elements(configuration, said.claims),
            len(configuration.claims),
            key,
            Validity(begins, begins, ends),
            status,
        )
        return sd_jwt.base64url(raw)

    def _until(self, said: _Said, now: datetime) -> datetime:
        until = _day(now) + self.settings.valid_days * _DAY
        return until if said.ends_at is None else min(until, said.ends_at)


def _day(now: datetime) -> datetime:
    """The beginning of a day, the same for everybody."""
    seconds = int(now.timestamp())
    return instant((seconds - seconds % int(_DAY.total_seconds())) * 1_000_000)
