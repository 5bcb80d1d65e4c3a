"""Models of authenticators: what a maker's attestation proves, by FIDO's metadata — CM-2, AU-5.

The operator gives the file of the FIDO Metadata Service (MDS 3): a JWT whose certificate has to
lead to its root and to be that service's own, for its root signs other servers, too. Which models
count is data (`models.toml`); nothing is fetched from here.
"""

from __future__ import annotations

import base64
import json
import logging
import tomllib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from fido2.attestation.base import (
    Attestation,
    InvalidAttestation,
    NoneAttestation,
    UnsupportedAttestation,
    UntrustedAttestation,
)
from fido2.cose import CoseKey
from fido2.mds3 import MdsAttestationVerifier, MetadataBlobPayload
from fido2.mds3 import MetadataBlobPayloadEntry as Entry
from fido2.webauthn import Aaguid, AttestationObject

from foundation.event_loop import by
from foundation.settings import SettingsError

log = logging.getLogger("civitas.passkeys")
POLICY = Path(__file__).with_name("models.toml")
ROOT = Path(__file__).with_name("globalsign_root_r3.pem")
SIGNER = "mds.fidoalliance.org"
_LOOKED_AT_EVERY = timedelta(minutes=1)
_READING = ThreadPoolExecutor(1, "fido-metadata")


@dataclass(frozen=True, slots=True)
class Allow:
    """One way to be on the list: one of ``certified``, and all of both kinds of protection."""

    certified: frozenset[str]
    key_protection: frozenset[str]
    matcher_protection: frozenset[str]


@dataclass(frozen=True, slots=True)
class ModelPolicy:
    """`models.toml`, read."""

    refused: frozenset[str]
    distrusted: frozenset[str]
    never: frozenset[str]
    allow: tuple[Allow, ...]

    @classmethod
    def read(cls, path: Path) -> ModelPolicy:
        """Raises SettingsError for a file that says something else."""
        try:
            told = tomllib.loads(path.read_text(encoding="utf-8"))
            rules = tuple(
                Allow(**{name: frozenset(values) for name, values in rule.items()})
                for rule in told.pop("allow", [])
            )
            sets = {name: frozenset(values) for name, values in told.items()}
            return cls(allow=rules, **sets)
        except (OSError, ValueError, TypeError) as error:
            raise SettingsError(f"[login] passkey_models: {path} cannot be used: {error}") from None


@dataclass(frozen=True, slots=True)
class Metadata:
    """A verified file. ``next_update``: the day from which there should be a newer one."""

    number: int
    next_update: date
    models: Mapping[str, Entry]
    verifier: MdsAttestationVerifier


def read_metadata(content: bytes, root: x509.Certificate, signer: str, now: datetime) -> Metadata:
    """The metadata of a file, verified up to ``root``. Raises ValueError, which says what is wrong.

    FIDO Metadata Service 3 §3.2: path, signature, and whose certificate it is.
    """
    try:
        header = json.loads(_part(content.split(b".", 1)[0]))
        chain = [x509.load_der_x509_certificate(base64.b64decode(one)) for one in header["x5c"]]
        builder = PolicyBuilder().store(Store([root])).time(now)
        builder.build_server_verifier(x509.DNSName(signer)).verify(chain[0], chain[1:])
    except VerificationError as error:
        raise ValueError(f"its certificate is not that of {signer}: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"it is no metadata of FIDO: {error!r}") from error
    message, _, signature = content.strip().rpartition(b".")
    try:
        key = CoseKey.for_name(header["alg"]).from_cryptography_key(chain[0].public_key())
        key.verify(message, _part(signature))
        payload = json.loads(_part(message.split(b".")[1]))
        number, until = int(payload["no"]), date.fromisoformat(payload["nextUpdate"])
        told = list(payload["entries"])
    except Exception as error:
        raise ValueError(f"its signature or content is wrong: {error!r}") from error
    entries = [entry for one in told if (entry := _entry(one)) is not None]
    if len(entries) < len(told):
        # A model that cannot be read is one that is not known: it counts for less.
        log.warning("%d of %d models cannot be read", len(told) - len(entries), len(told))
    blob = MetadataBlobPayload(str(payload.get("legalHeader", "")), number, until, entries)
    verifier = MdsAttestationVerifier(blob, entry_filter=None)
    return Metadata(number, until, {str(one.aaguid): one for one in entries}, verifier)


def _entry(told: Any) -> Entry | None:
    """A model of FIDO2; older kinds have no number of their own."""
    if not isinstance(told, dict) or "aaguid" not in told:
        return None
    try:
        return Entry.from_dict(told)
    except (TypeError, ValueError, KeyError, AttributeError):
        pass
    if not any(one.get("status") == "REVOKED" for one in told.get("statusReports", [])):
        return None
    # What is revoked is refused though the rest of it be unreadable.
    return Entry.from_dict({k: v for k, v in told.items() if k != "metadataStatement"})


class AuthenticatorModels:
    """The models of the metadata, and what the policy says of each. Without a file there are none:
    no attestation is asked for, and no passkey counts as one in certified hardware."""

    def __init__(
        self,
        now: Callable[[], datetime],
        path: Path | None = None,
        root: Path = ROOT,
        signer: str = SIGNER,
        policy: Path = POLICY,
    ) -> None:
        """Raises SettingsError for a file that is not what it should be."""
        self._now = now
        self._path = path
        self._signer = signer
        self._policy = ModelPolicy.read(policy)
        self._lock = Lock()
        self._looked_at: datetime | None = None
        self._stamp: tuple[int, int] | None = None
        self._metadata: Metadata | None = None
        if path is None:
            return
        try:
            self._root = x509.load_pem_x509_certificate(root.read_bytes())
            self._read()
        except (OSError, ValueError) as error:
            raise SettingsError(f"[login] fido_metadata: {path} cannot be used: {error}") from None

    @property
    def used(self) -> bool:
        """Whether attestation is asked for."""
        return self._path is not None

    def metadata(self) -> Metadata | None:
        """What the file says now; a newer file is taken within a minute, a wrong or older one is
        told in the log, and what was known before stays."""
        now = self._now()
        if self._path is not None and (
            self._looked_at is None or abs(now - self._looked_at) >= _LOOKED_AT_EVERY
        ):
            try:
                by(_READING, self._read)
            except (OSError, ValueError) as error:
                log.error("the file in [login] fido_metadata is not taken: %s", error)
                self._looked_at = now
        return self._metadata

    def attested(self, attestation: AttestationObject, client_data_hash: bytes) -> bool:
        """Whether the maker's own root vouches for the model. Raises InvalidAttestation for a
        statement that is wrong; one that nobody vouches for is none."""
        metadata = self.metadata()
        statement = Attestation.for_type(attestation.fmt)()
        if metadata is None or isinstance(statement, NoneAttestation | UnsupportedAttestation):
            return False
        if not attestation.att_stmt.get("x5c"):
            # Signed by the passkey itself: it has to be right, and proves no model.
            statement.verify(attestation.att_stmt, attestation.auth_data, client_data_hash)
            return False
        try:
            metadata.verifier.verify_attestation(attestation, client_data_hash)
        except UntrustedAttestation:
            return False
        path = attestation.att_stmt.get("x5c", [])
        if not all(_is_authority(x509.load_der_x509_certificate(one)) for one in path[1:]):
            raise InvalidAttestation("a certificate that signs is no authority's")
        public = attestation.auth_data.credential_data
        # A model is what its number says, and its number is vouched for: U2F keys have none.
        return public is not None and public.aaguid != Aaguid.NONE

    def listed(self, aaguid: str) -> bool:
        """Whether the model holds its keys in hardware that the policy takes."""
        entry = self._entry(aaguid)
        if entry is None or entry.metadata_statement is None or self.refused(aaguid):
            return False
        statuses = _in_effect(entry, self._now().date())
        if statuses & self._policy.distrusted:
            return False
        statement = entry.metadata_statement
        return any(
            statuses & rule.certified
            and rule.key_protection <= set(statement.key_protection)
            and rule.matcher_protection <= set(statement.matcher_protection)
            for rule in self._policy.allow
        )

    def refused(self, aaguid: str) -> bool:
        """Whether nothing opens with this model any more."""
        if aaguid in self._policy.never:
            return True
        entry = self._entry(aaguid)
        statuses = _in_effect(entry, self._now().date()) if entry is not None else frozenset()
        return bool(statuses & self._policy.refused)

    def name(self, aaguid: str) -> str:
        """What its maker calls it; empty for a model that is not known."""
        entry = self._entry(aaguid)
        statement = entry.metadata_statement if entry is not None else None
        return statement.description if statement is not None else ""

    def _entry(self, aaguid: str) -> Entry | None:
        metadata = self.metadata()
        return metadata.models.get(aaguid) if metadata is not None else None

    def _read(self) -> None:
        if self._path is None:
            return
        with self._lock:
            now = self._now()
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                found = read_metadata(self._path.read_bytes(), self._root, self._signer, now)
                if self._metadata is not None and found.number < self._metadata.number:
                    raise ValueError(
                        f"its number is {found.number}, and {self._metadata.number} is known"
                    )
                self._metadata, self._stamp = found, stamp
            self._looked_at = now
            if self._metadata is not None and self._metadata.next_update < now.date():
                log.warning(
                    "the metadata of FIDO are of before %s: fetch the file anew",
                    self._metadata.next_update,
                )


def _in_effect(entry: Entry, today: date) -> frozenset[str]:
    return frozenset(
        str(report.status.value)
        for report in entry.status_reports
        if report.effective_date is None or report.effective_date <= today
    )


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return found.value.ca


def _part(written: bytes) -> bytes:
    return base64.urlsafe_b64decode(written.strip() + b"=" * (-len(written.strip()) % 4))
