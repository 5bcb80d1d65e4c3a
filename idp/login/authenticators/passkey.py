"""Passkeys: registration and assertion — W3C WebAuthn Level 3 §7.1, §7.2; AU-5, AU-6, AU-8, AU-11.

Where the operator gives FIDO's metadata, attestation is asked for: what it proves, with the model's
place on the list, is kept with the passkey (CM-2). Without, a passkey reaches level 3 at most. What
it can be copied to is in its backup-eligible flag; its row in the ceilings table follows from both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestationConveyancePreference,
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from idp.login.authenticators.models import AuthenticatorModels
from idp.login.credential import Credential
from idp.register import Subject
from policies import PasskeyEvidence, authenticator_of_passkey

MODEL_REFUSED = "this model of authenticator was revoked"
LONGEST_ID = 1023  # §4, credential id


class Refused(Exception):
    """The authenticator's answer does not prove what it should; the message is for the log.

    ``model``: it does, but nothing opens with that model any more; the owner may know it.
    """

    @property
    def model(self) -> bool:
        return str(self).startswith(MODEL_REFUSED)


@dataclass(frozen=True, slots=True)
class Registered:
    """A new passkey, verified: what is to be stored."""

    lookup: bytes
    counter: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asserted:
    """A passkey that was used, verified; ``counter`` is yet to be compared with the stored one."""

    credential: Credential
    counter: int
    authenticator: str
    user_verified: bool


class Passkeys:
    """The relying party of one deployment."""

    def __init__(
        self, url: str, name: str, origins: Iterable[str], models: AuthenticatorModels
    ) -> None:
        self._models = models
        host = urlsplit(url).hostname or "localhost"
        self._origins = frozenset(origins)
        self._server = Fido2Server(
            PublicKeyCredentialRpEntity(id=host, name=name),
            attestation=AttestationConveyancePreference.DIRECT
            if models.used
            else AttestationConveyancePreference.NONE,
            verify_origin=self._origins.__contains__,
        )

    def known_of(self, holder: Subject, bound: Iterable[Credential]) -> dict[str, Any]:
        """What a browser may be told of who is signed in: which passkeys count — §5.1.10."""
        ids = [AttestedCredentialData(websafe_decode(one.data["public"])) for one in bound]
        return {
            "rp": self._server.rp.id,
            "user": websafe_encode(user_handle(holder)),
            "ids": [websafe_encode(one.credential_id) for one in ids],
        }

    def creation(
        self, holder: Subject, name: str, bound: Iterable[Credential]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """(options for the browser, state to keep) to make a new passkey; §7.1."""
        options, state = self._server.register_begin(
            PublicKeyCredentialUserEntity(id=user_handle(holder), name=name, display_name=name),
            credentials=[_descriptor(credential) for credential in bound],
            resident_key_requirement=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return dict(options.public_key), _plain(state)

    def register(self, state: Mapping[str, Any], answer: Mapping[str, Any]) -> Registered:
        """Verify the answer to ``creation``; raises Refused."""
        try:
            response = RegistrationResponse.from_dict(answer)
            proven = self._server.register_complete(_state(state), response)
            attestation = response.response.attestation_object
            attested = self._models.attested(attestation, response.response.client_data.hash)
        except Exception as error:
            raise Refused(f"registration: {error!r}") from error
        public = proven.credential_data
        if public is None or not 0 < len(public.credential_id) <= LONGEST_ID:
            raise Refused("registration: no usable credential id")
        if public.credential_id != response.raw_id:
            raise Refused("registration: two different credential ids")
        if public.public_key.get(3) not in CoseKey.supported_algorithms():
            raise Refused("registration: an algorithm that was not offered")
        _read(public.public_key)
        model = str(public.aaguid)
        if attested and self._models.refused(model):
            raise Refused(f"{MODEL_REFUSED}: {model}")
        transports = (answer.get("response") or {}).get("transports")
        return Registered(
            lookup=lookup_of(public.credential_id),
            counter=proven.counter,
            data={
                "public": websafe_encode(public),
                "backup_eligible": proven.is_backup_eligible(),
                "format": attestation.fmt,
                "aaguid": model,
                "attested": attested,
                "listed": attested and self._models.listed(model),
                "transports": _transports(transports),
            },
        )

    def request(self, allowed: Iterable[Credential]) -> tuple[dict[str, Any], dict[str, Any]]:
        """(options, state) to ask for an assertion; without credentials any of ours will do."""
        descriptors = [_descriptor(credential) for credential in allowed]
        options, state = self._server.authenticate_begin(
            credentials=descriptors or None,
            user_verification=UserVerificationRequirement.PREFERRED,
        )
        return dict(options.public_key), _plain(state)

    def assertion(
        self, state: Mapping[str, Any], answer: Mapping[str, Any], credential: Credential
    ) -> Asserted:
        """Verify an answer to ``request`` against the stored public key; raises Refused."""
        stored = AttestedCredentialData(websafe_decode(credential.data["public"]))
        try:
            response = AuthenticationResponse.from_dict(answer)
            self._server.authenticate_complete(_state(state), [stored], response)
            proven: AuthenticatorData = response.response.authenticator_data
            handle = response.response.user_handle
        except Exception as error:
            raise Refused(f"assertion: {error!r}") from error
        if handle is not None and handle != user_handle(credential.holder):
            raise Refused("assertion: the passkey names another user")
        # §7.2 step 17: whether a key may be backed up is fixed when it is made.
        if proven.is_backup_eligible() != credential.data["backup_eligible"]:
            raise Refused("assertion: backup eligibility changed")
        gone = credential.data.get("refused", False)
        if credential.data.get("attested") and (
            gone or self._models.refused(credential.data["aaguid"])
        ):
            raise Refused(f"{MODEL_REFUSED}: {credential.data['aaguid']}")
        return Asserted(
            credential=credential,
            counter=proven.counter,
            authenticator=authenticator_of_passkey(
                evidence_of(credential, user_verified=proven.is_user_verified())
            ),
            user_verified=proven.is_user_verified(),
        )


def evidence_of(credential: Credential, *, user_verified: bool) -> PasskeyEvidence:
    """What was proven when it was made, and now. What the model is worth is looked at anew
    whenever the metadata change (`idp.login.model_changes`)."""
    return PasskeyEvidence(
        user_verified=user_verified,
        backup_eligible=credential.data["backup_eligible"],
        format=credential.data["format"],
        attestation_trusted=credential.data.get("attested", False),
        allow_listed=credential.data.get("listed", False),
    )


def lookup_of(credential_id: bytes) -> bytes:
    """What a passkey is found by."""
    return sha256(credential_id).digest()


def credential_id_in(answer: Mapping[str, Any]) -> bytes:
    """The unverified credential id that an answer names; raises Refused."""
    try:
        value = websafe_decode(answer["rawId"])
    except (KeyError, TypeError, ValueError) as error:
        raise Refused("the answer names no credential") from error
    if not 0 < len(value) <= LONGEST_ID:
        raise Refused("the credential id has a wrong length")
    return value


def user_handle(holder: Subject) -> bytes:
    """§4: opaque, up to 64 bytes, nothing about the person; the same for all their passkeys."""
    return sha256(f"civitas-user\0{holder.kind}\0{holder.id}".encode()).digest()


def _read(key: CoseKey) -> None:
    """Raises Refused for a key that is none: the library reads it at its first use only."""
    try:
        key.verify(b"", b"")
    except InvalidSignature:
        return
    except Exception as error:
        raise Refused(f"registration: no public key: {error!r}") from error


def _descriptor(credential: Credential) -> PublicKeyCredentialDescriptor:
    public = AttestedCredentialData(websafe_decode(credential.data["public"]))
    return _described(public.credential_id, credential.data.get("transports"))


def _described(
    credential_id: bytes, transports: list[str] | None = None
) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(
        type=PublicKeyCredentialType.PUBLIC_KEY,
        id=credential_id,
        transports=[AuthenticatorTransport(t) for t in transports] if transports else None,
    )


def _transports(value: object) -> list[str]:
    known = {"usb", "nfc", "ble", "hybrid", "internal", "smart-card"}
    return [t for t in value if t in known] if isinstance(value, list) else []


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    verification = state["user_verification"]
    return {
        "challenge": state["challenge"],
        "user_verification": None if verification is None else str(verification.value),
    }


def _state(kept: Mapping[str, Any]) -> dict[str, Any]:
    wish = kept["user_verification"]
    return {
        "challenge": kept["challenge"],
        "user_verification": None if wish is None else UserVerificationRequirement(wish),
    }
