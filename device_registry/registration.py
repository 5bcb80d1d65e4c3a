"""A device comes in: id, identifiers, owner, and a one-time token that is shown once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from device_registry import store, tokens
from device_registry.device import Device, Owner, Step
from device_registry.identifiers import Identifier
from device_registry.life import MAY_ENROL, NotNow, State
from device_registry.refusals import not_possible, unknown_device
from device_registry.settings import DevicesSettings
from device_registry.steps import step
from device_registry.words import CLAIMED, REGISTERED_WITH_OWNER
from foundation import opaque
from foundation.audit import Actor, Audit
from foundation.database import Database, UnitOfWork
from foundation.errors import Conflict, Unprocessable
from foundation.marking import N_
from foundation.nearest import instead
from pki import Profile


@dataclass(frozen=True, slots=True)
class Registered:
    """A device, and its one-time token in clear: the only moment at which it is seen."""

    device: Device
    token: str = field(repr=False)
    expires_at: datetime


class Registration:
    def __init__(
        self,
        database: Database,
        audit: Audit,
        settings: DevicesSettings,
        profiles: Mapping[str, Profile],
    ) -> None:
        self._database = database
        self._audit = audit
        self._profiles = profiles
        self.kinds = tuple(name for name, profile in profiles.items() if profile.est_label)
        self._waits = timedelta(hours=settings.token_hours)

    def register(
        self,
        label: str,
        owner: Owner,
        identifiers: Sequence[Identifier],
        actor: Actor,
        now: datetime,
        profile: str = "device",
    ) -> Registered:
        """Register, claim for its owner, make a token; `profile` is one of `kinds`.

        Raises Conflict for a known identifier, Unprocessable for a profile that is none.
        """
        if profile not in self.kinds:
            raise Unprocessable(
                N_(
                    "Devices are not registered for certificates of the kind %(profile)s.",
                    profile=profile[:32],
                ),
                where="profile",
                next_step=instead(profile, self.kinds),
            )
        device_id = opaque.identifier("dev", "-")  # it goes into requests, by any program
        token = opaque.secret()
        try:
            with self._database.write() as uow:
                store.add_device(uow, device_id, label, profile, dict.fromkeys(identifiers), now)
                store.set_owner(uow, device_id, owner, "claim", now)
                self._note_registered(uow, device_id, owner, actor, now)
                device = _known(uow, device_id)
                step(uow, self._audit, device, "claim", actor, REGISTERED_WITH_OWNER, now)
                expires_at = now + self._waits
                tokens.add_token(uow, device_id, opaque.digest(token), expires_at, now)
                device = _known(uow, device_id)
        except IntegrityError as error:
            raise Conflict(
                "One of the identifiers belongs to a registered device already.",
                where="identifiers",
                next_step="Look the device up; decommission it before it is registered anew.",
                detail=str(error.orig),
            ) from error
        return Registered(device, token, expires_at)

    def new_token(self, device_id: str, actor: Actor, now: datetime) -> Registered:
        """Another token for a device that has to enrol (again); earlier ones stop working."""
        token = opaque.secret()
        with self._database.write() as uow:
            device = _known(uow, device_id)
            if device.state not in MAY_ENROL:
                raise not_possible(NotNow("have a token", device.state))
            tokens.add_token(uow, device_id, opaque.digest(token), now + self._waits, now)
            self._audit.record(
                uow, "device.token_made", actor, _person(device), {"device": device_id}
            )
        return Registered(device, token, now + self._waits)

    def approve(self, device_id: str, actor: Actor, reason: str, now: datetime) -> Device:
        """An operator's yes to a first certificate, where the device's kind waits for one.

        Raises NotFound, or Conflict when nothing waits.
        """
        with self._database.write() as uow:
            device = _known(uow, device_id)
            if self._profiles[device.profile].approval != "human":
                raise Conflict(
                    N_(
                        "Certificates of the kind %(profile)s wait for no approval.",
                        profile=device.profile,
                    ),
                    where="profile",
                    next_step="The device may enrol with its token now.",
                )
            if device.state not in MAY_ENROL:
                raise not_possible(NotNow("be approved", device.state))
            if device.approved_at is None:
                store.approve(uow, device_id, now, now)
                said_yes = Step("approve", device.state, device.state, reason)
                store.note(uow, device_id, [said_yes], actor, now)
                self._audit.record(
                    uow,
                    "device.approved",
                    actor,
                    _person(device),
                    {"device": device_id, "reason": reason},
                )
            return _known(uow, device_id)

    def claim(self, device_id: str, owner: Owner, actor: Actor, now: datetime) -> Registered:
        """A new owner for a device that was transferred, and a token to enrol it anew."""
        token = opaque.secret()
        with self._database.write() as uow:
            device = _known(uow, device_id)
            if device.state not in (State.REGISTERED, State.TRANSFERRED):
                raise not_possible(NotNow("claim", device.state))
            store.set_owner(uow, device_id, owner, "claim", now)
            step(uow, self._audit, _known(uow, device_id), "claim", actor, CLAIMED, now)
            tokens.add_token(uow, device_id, opaque.digest(token), now + self._waits, now)
            device = _known(uow, device_id)
        return Registered(device, token, now + self._waits)

    def _note_registered(
        self, uow: UnitOfWork, device_id: str, owner: Owner, actor: Actor, now: datetime
    ) -> None:
        first = Step("register", None, State.REGISTERED, "registered")
        store.note(uow, device_id, [first], actor, now)
        self._audit.record(uow, "device.registered", actor, owner.person, {"device": device_id})


def _known(uow: UnitOfWork, device_id: str) -> Device:
    device = store.locked(uow, device_id)
    if device is None:
        raise unknown_device()
    return device


def _person(device: Device) -> tuple[str, ...]:
    return device.owner.person if device.owner is not None else ()
