"""May this caller enrol, as which device, for which kind? — RFC 7030 §3.2.2, §3.2.3, §4.2.

A one-time token belongs to one device and binds at first use to the key of the request: a repeat
with the same key finishes the same issuance, another key is refused (EN 303 645 5.1). A use that
failed for a reason of ours, with nothing signed, is none. A renewal is
admitted by the certificate that is renewed; a certificate of a further kind by that of the
device's own kind, where the registry allows the device both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from device_registry import credential_store, store, tokens
from device_registry.device import Credential, Device, Step
from device_registry.life import MAY_AUTHENTICATE, MAY_ENROL, State
from device_registry.ports import AlsoAllowed
from device_registry.refusals import in_state
from device_registry.settings import DevicesSettings
from device_registry.steps import walk
from device_registry.succession import Succession
from device_registry.tokens import Token
from device_registry.watch import Watch
from foundation import opaque
from foundation.audit import Actor, Audit
from foundation.database import Database, UnitOfWork
from foundation.errors import Problem
from foundation.rates import Rates
from pki import (
    Admission,
    Caller,
    CertificateRequest,
    EnrolmentRefused,
    EnrolmentUnauthorized,
    IssuedCertificate,
    Profile,
    ValidCertificate,
    standing_under,
)

_BY_TOKEN, _BY_CERTIFICATE, _FURTHER = "token", "renewal", "further"
# Before one of the three: the key was made here, for this answer only (RFC 7030 §4.4).
_MADE = "made-"
_ASK = "Ask the operator for a new enrolment token."
# What a certificate does to its device, by the state in which it finds it: acts and reasons.
_ENROLLED = ("activate", "enrolled")
_NEXT = {
    State.CLAIMED: (("bootstrap", "presented its token"), _ENROLLED),
    State.BOOTSTRAPPED: (_ENROLLED,),
    State.RENEWAL_DUE: (("renew", "renewed"),),
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What `admit` found out: the device, its token, and the key on which that is to be spent."""

    device: Device
    spent_on: str | None
    was_spent_on: str | None = None
    token: Token | None = None


class Gate:
    """Answers `pki.EnrolmentGate`. `also_allowed` says which further kinds a device may have."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        rates: Rates,
        settings: DevicesSettings,
        profiles: Mapping[str, Profile],
        succession: Succession,
        also_allowed: AlsoAllowed,
    ) -> None:
        self._database = database
        self._audit = audit
        self._settings = settings
        self._profiles = profiles
        self._succession = succession
        self._watch = Watch(database, audit, rates, settings)
        self.also_allowed = also_allowed

    # ── asking ────────────────────────────────────────────────────────────────────────

    def admit(
        self, caller: Caller, request: CertificateRequest, asked: str | None, now: datetime
    ) -> Admission:
        admission = self._admission(caller, request, asked, now)
        if admission is None:
            raise EnrolmentUnauthorized(
                "token_missing",
                "A first enrolment needs the device's id and its one-time token.",
                "Send them by HTTP Basic: the id as user, the token as password.",
            )
        return admission

    def expected(self, caller: Caller, asked: str | None, now: datetime) -> Admission | None:
        return self._admission(caller, None, asked, now)

    def _admission(
        self, caller: Caller, request: CertificateRequest | None, asked: str | None, now: datetime
    ) -> Admission | None:
        if caller.secret is not None:
            return self._by_token(caller, request, asked, now)
        if caller.certificate is not None:
            return self._by_certificate(caller.certificate, request, asked, now)
        return None

    def _by_token(
        self, caller: Caller, request: CertificateRequest | None, asked: str | None, now: datetime
    ) -> Admission:
        with self._database.read() as uow:
            found = tokens.by_token(uow, opaque.digest(caller.secret or ""))
        if found is None or found[1].id != caller.username:
            # One sentence for both, so that nobody learns which devices exist.
            raise EnrolmentUnauthorized(
                "token_unknown", "The device id and the token do not belong together.", _ASK
            )
        token, device = found
        spent_on = _spent_on(request)
        made = request is not None and request.made_for is not None
        again = spent_on is not None and token.bound_key is not None
        under = self._under(token) if again and (made or token.bound_key != spent_on) else None
        if under is not None and token.bound_key != spent_on and "issued" in under.values():
            raise EnrolmentRefused(
                "token_used", "The token was already used, with another key.", _ASK
            )
        if token.withdrawn_at is not None or token.expires_at <= now:
            raise EnrolmentUnauthorized("token_expired", "The token has expired.", _ASK)
        if device.state not in MAY_ENROL:
            raise _refused(device)
        profile = self._own(device, asked)
        if under is not None and "issued" in under.values():
            self._answer_was_lost(device, profile.name, token.made_at)
            under = None
        elif under is not None:
            tokens.settled(token, now)
        reference = f"{_BY_TOKEN}:{token.id}"
        if made and request is not None:
            reference = f"{_MADE}{reference}:{request.public_key.digest}"
        leave = self._leave(reference, device, profile, spent_on)
        if under is None:
            return replace(leave, memo=_Seen(device, spent_on, token=token))
        seen = _Seen(device, spent_on, token.bound_key)
        return replace(leave, memo=seen, instead_of=tuple(sorted(under)))

    def _under(self, token: Token) -> Mapping[str, str]:
        """What stands under the token: each reference with the state of its certificate."""
        with self._database.read() as uow:
            by_token = f"{_BY_TOKEN}:{token.id}"
            return standing_under(uow, by_token, f"{_MADE}{by_token}:")

    def _answer_was_lost(self, device: Device, profile: str, made_at: datetime) -> None:
        """A repeat makes another key, for as long as nobody used the one before."""
        with self._database.read() as uow:
            if credential_store.unused_since(uow, device.id, profile, made_at):
                return
        raise EnrolmentRefused(
            "token_used", "The token was already used, and so was the key that it led to.", _ASK
        )

    def _own(self, device: Device, asked: str | None) -> Profile:
        """The kind that the device is registered for, if no other one was asked for."""
        own = self._profiles[device.profile]
        if asked not in (None, own.name):
            raise self._not_allowed(device, asked)
        return own

    def _not_allowed(self, device: Device, asked: str | None) -> EnrolmentRefused:
        return EnrolmentRefused(
            "label_not_allowed",
            f"This device is registered for certificates of the kind {device.profile}, "
            f"not {asked}.",
            f"Use the label {self._profiles[device.profile].est_label}, or none; for another kind "
            "ask the operator.",
        )

    def _by_certificate(
        self,
        old: ValidCertificate,
        request: CertificateRequest | None,
        asked: str | None,
        now: datetime,
    ) -> Admission:
        with self._database.read() as uow:
            device = store.get(uow, old.holder)
        if device is None:
            raise EnrolmentRefused(
                "not_a_device", "The certificate does not belong to a device.", _ASK
            )
        if device.state not in MAY_AUTHENTICATE:
            raise _refused(device)
        wanted = asked or old.profile
        if wanted != device.profile and not self.also_allowed(device, wanted, now):
            raise self._not_allowed(device, wanted)
        if wanted != old.profile and old.profile != device.profile:
            # A further kind rests on the device's own one, never on another further one.
            raise self._not_allowed(device, wanted)
        key = request.public_key.digest if request is not None else ""
        made = _MADE if request is not None and request.made_for is not None else ""
        if wanted == old.profile:
            reference = f"{made}{_BY_CERTIFICATE}:{old.serial}:{key}"
        else:
            reference = f"{made}{_FURTHER}:{wanted}:{old.serial}:{key}"
        return self._leave(reference, device, self._profiles[wanted], None)

    def _leave(
        self, reference: str, device: Device, profile: Profile, spent_on: str | None
    ) -> Admission:
        uris = tuple(identifier.uri for identifier in device.identifiers)
        renewal = _way(reference) == _BY_CERTIFICATE
        waits = profile.approval == "human" and device.approved_at is None and not renewal
        return Admission(
            reference=reference,
            holder=device.id,
            profile=profile.name,
            common_name=device.id,
            names=tuple(f"URI:{uri}" for uri in uris),
            wait_seconds=self._settings.approval_retry_seconds if waits else 0,
            memo=_Seen(device, spent_on),
        )

    # ── spending and taking note ──────────────────────────────────────────────────────

    def bind(self, uow: UnitOfWork, admission: Admission, public_key: str, now: datetime) -> None:
        if _is_paced(admission.reference):
            self._succession.check_pace(uow, admission, now)
        if _way(admission.reference) != _BY_TOKEN:
            return
        token = admission.reference.split(":")[1]
        seen = admission.memo if isinstance(admission.memo, _Seen) else None
        was_spent_on = seen.was_spent_on if seen is not None else None
        read = seen.token if seen is not None else None
        # Nothing was signed for the key that was first: the pki made sure of that just now.
        free = was_spent_on is None or tokens.release_token(uow, token, was_spent_on)
        if not free or not tokens.spend(uow, read, token, _spent(admission, public_key), now):
            raise EnrolmentRefused(
                "token_used", "The token was already used, or has expired.", _ASK
            )

    def give_back(self, uow: UnitOfWork, admission: Admission, public_key: str) -> None:
        if _way(admission.reference) == _BY_TOKEN:
            token = admission.reference.split(":")[1]
            tokens.release_token(uow, token, _spent(admission, public_key))

    def issued(
        self, uow: UnitOfWork, admission: Admission, certificate: IssuedCertificate, now: datetime
    ) -> None:
        if admission.reference.startswith(_MADE) and admission.memo is None:
            raise EnrolmentRefused(
                "key_lost", "The key that was made for this answer is gone.", "Ask again."
            )
        left_out = {"left_out": list(certificate.left_out)} if certificate.left_out else {}
        evidence = {"serial": certificate.serial, **left_out}
        device = self._taken_further(uow, admission, evidence, now)
        token, old = _rests_on(admission.reference)
        # Asked after the device is locked, in the statement that has to run anyway.
        number = credential_store.add(uow, device.id, certificate, now, token=token, old_serial=old)
        if number is None:
            raise EnrolmentRefused(
                "token_expired" if token is not None else "certificate_revoked",
                "What this request rests on, its token or the present certificate, was taken back.",
                _ASK,
            )
        shown = None
        if number > 1:  # a first one follows nobody
            paced = _is_paced(admission.reference)
            shown = self._succession.follow(uow, device.id, certificate, old, now, paced=paced)
        renewed = _way(admission.reference) == _BY_CERTIFICATE
        if shown is not None and shown.not_after < now:
            self._note_return(uow, device, shown, certificate, now)
        self._audit.record(
            uow,
            "device.renewed" if renewed else "device.enrolled",
            _as(device),
            device.owner.person if device.owner is not None else (),
            {
                "device": device.id,
                "serial": certificate.serial,
                "profile": certificate.profile,
                "thumbprint": certificate.thumbprint,
                "not_after": certificate.not_after.isoformat(),
                **left_out,
            },
        )

    def _note_return(
        self,
        uow: UnitOfWork,
        device: Device,
        shown: Credential,
        new: IssuedCertificate,
        now: datetime,
    ) -> None:
        """For the operator to see: it was away for longer than its certificate lived."""
        present = store.get(uow, device.id) or device
        ended = shown.not_after
        evidence = {"expired": shown.serial, "expired_at": ended.isoformat(), "serial": new.serial}
        reason = f"renewed by the key of a certificate that had expired on {ended:%Y-%m-%d}"
        late = Step("come_back", present.state, present.state, reason, evidence)
        store.note_return(uow, present, late, _as(device), now)
        concerned = device.owner.person if device.owner is not None else ()
        self._audit.record(
            uow, "device.came_back", _as(device), concerned, {"device": device.id, **evidence}
        )

    def _taken_further(
        self, uow: UnitOfWork, admission: Admission, evidence: Mapping[str, Any], now: datetime
    ) -> Device:
        """The device, where a certificate takes it, and kept there until the commit."""
        seen = admission.memo.device if isinstance(admission.memo, _Seen) else None
        own = seen if seen is not None and admission.profile == seen.profile else None
        if own is not None and _unchanged(uow, own, evidence, now):
            return own
        device = self._still_admitted(uow, admission, now)
        # A certificate of a further kind is no renewal of the device's own one.
        if device.state in _NEXT and admission.profile == device.profile:
            walk(uow, device, _acts(device.state, evidence), _as(device), now, evidence)
        return device

    def _still_admitted(self, uow: UnitOfWork, admission: Admission, now: datetime) -> Device:
        """The device, kept as it is until the commit: it may have been suspended meanwhile."""
        device = store.locked(uow, admission.holder)
        if device is None:
            raise EnrolmentRefused("not_a_device", "The device is not registered.", _ASK)
        by_token = _way(admission.reference) == _BY_TOKEN
        if device.state not in (MAY_ENROL if by_token else MAY_AUTHENTICATE):
            raise _refused(device)
        further = admission.profile != device.profile
        if further and not self.also_allowed(device, admission.profile, now, uow):
            raise self._not_allowed(device, admission.profile)  # since it asked
        return device

    def refused(self, caller: Caller, refusal: Problem, now: datetime) -> Problem:
        return self._watch.refused(caller, refusal, now)


def _unchanged(uow: UnitOfWork, seen: Device, evidence: Mapping[str, Any], now: datetime) -> bool:
    """Whether the device is what it was a moment ago, and stays so; a step finds out by itself."""
    if seen.state not in _NEXT:
        return store.keep(uow, seen)
    return walk(uow, seen, _acts(seen.state, evidence), _as(seen), now, evidence) is not None


def _acts(state: State, evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The acts, the reason of the last one with what of the request is not in the certificate."""
    *first, (act, reason) = _NEXT[state]
    left_out = ", ".join(evidence.get("left_out", ()))
    return [*first, (act, f"{reason}; left out: {left_out}" if left_out else reason)]


def _way(reference: str) -> str:
    return reference.removeprefix(_MADE).partition(":")[0]


def _is_paced(reference: str) -> bool:
    """By one token one certificate; by a certificate, or with keys made here, any number."""
    return reference.startswith(_MADE) or _way(reference) != _BY_TOKEN


def _rests_on(reference: str) -> tuple[str | None, str | None]:
    """The id of the token, or the serial of the certificate, by which it was admitted."""
    way, *rest = reference.removeprefix(_MADE).split(":")
    if way == _BY_TOKEN:
        return rest[0], None
    return None, rest[1 if way == _FURTHER else 0]


def _spent_on(request: CertificateRequest | None) -> str | None:
    """What a token binds to: the key of the request, or what stood there for one made here."""
    if request is None:
        return None
    return request.made_for or request.public_key.digest


def _spent(admission: Admission, public_key: str) -> str:
    seen = admission.memo
    return seen.spent_on if isinstance(seen, _Seen) and seen.spent_on else public_key


def _as(device: Device) -> Actor:
    return Actor("device", device.id)


def _refused(device: Device) -> EnrolmentRefused:
    refusal = in_state(device.state)
    return EnrolmentRefused(refusal.reason, refusal.description, refusal.next_step or _ASK)
