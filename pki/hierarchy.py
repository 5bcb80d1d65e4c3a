"""The city's authorities: one root, and below it one that issues to devices and one to services.

RFC 5280 §6 builds paths; ours has the fixed length three. Private keys stay behind `foundation`'s
keys (uses `ca-root`, `ca-devices`, `ca-services`), in software or in a PKCS#11 token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy.exc import IntegrityError

from foundation.database import Database
from foundation.errors import Unavailable
from foundation.keys import Keys
from foundation.settings import Jurisdiction
from pki import drafting, store
from pki.profile import Profile

ROOT = "root"
ISSUING = ("devices", "services")
_TITLES = {ROOT: "Root Authority", "devices": "Device Authority", "services": "Service Authority"}


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority whose place in the hierarchy was checked when it was read."""

    name: str
    kid: str
    certificate: x509.Certificate
    issuer_kid: str

    def covers(self, now: datetime) -> bool:
        certificate = self.certificate
        return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def key_use(name: str) -> str:
    return f"ca-{name}"


class Hierarchy:
    """Reads the authorities once and again when a key is not among them (another process's)."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys
        self._known: dict[str, Authority] = {}

    def all(self) -> tuple[Authority, ...]:
        if not self._known:
            self._read()
        return tuple(self._known.values())

    def named(self, name: str) -> tuple[Authority, ...]:
        """The authorities of one name, oldest first: more than one after a change of keys."""
        return tuple(authority for authority in self.all() if authority.name == name)

    def signing(self, name: str) -> tuple[Authority, Any]:
        """The authority that signs now, and its private key. Raises Unavailable before `init`."""
        signer = self._keys.signer(key_use(name))
        if signer.kid not in self._known:
            self._read()
        if signer.kid not in self._known:
            raise Unavailable(
                f"The authority {name} has a key and no certificate yet.",
                next_step="Run `civitas db upgrade`, which prepares it.",
            )
        return self._known[signer.kid], signer.private_key

    def chain(self, authority: Authority) -> tuple[x509.Certificate, ...]:
        """From this authority up to its root."""
        chain = [authority]
        while chain[-1].issuer_kid != chain[-1].kid:
            chain.append(self._known[chain[-1].issuer_kid])
        return tuple(link.certificate for link in chain)

    def _read(self) -> None:
        with self._database.read() as uow:
            rows = store.authority_rows(uow)
        found = {
            row.kid: Authority(
                row.name, row.kid, x509.load_der_x509_certificate(row.certificate), row.issuer_kid
            )
            for row in rows
        }
        self._known = {kid: a for kid, a in found.items() if _stands(a, found)}


def _stands(authority: Authority, found: Mapping[str, Authority]) -> bool:
    """Whether its issuer signed it and may: a changed row is no authority."""
    issuer = found.get(authority.issuer_kid)
    if issuer is None or issuer.name != ROOT:
        return False
    try:
        authority.certificate.verify_directly_issued_by(issuer.certificate)
    except (InvalidSignature, ValueError, TypeError):
        return False
    constraints = authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    return constraints.value.ca


def establish(
    database: Database,
    keys: Keys,
    profiles: Mapping[str, Profile],
    jurisdiction: Jurisdiction,
    algorithm: str,
    now: datetime,
) -> None:
    """Make the keys and certificates of the authorities that are missing; idempotent."""
    for name in (ROOT, *ISSUING):
        keys.ensure(key_use(name), algorithm)
    hierarchy = Hierarchy(database, keys)
    known = {authority.kid for authority in hierarchy.all()}
    for name in (ROOT, *ISSUING):
        signer = keys.signer(key_use(name))
        if signer.kid in known:
            continue
        profile = profiles[ROOT if name == ROOT else "issuing"]
        root = None if name == ROOT else hierarchy.signing(ROOT)
        # An issuing authority never outlives the root that it hangs from.
        end = now + profile.lifetime
        if root is not None:
            end = min(end, root[0].certificate.not_valid_after_utc)
        draft = drafting.Draft(
            serial=x509.random_serial_number(),
            profile=profile,
            subject=_subject(jurisdiction, name),
            public_key=signer.public_key,
            alternative_names=(),
            not_before=(now - profile.backdate).replace(microsecond=0),
            not_after=end.replace(microsecond=0),
        )
        certificate = drafting.sign(
            draft,
            root[0].certificate if root is not None else None,
            root[1] if root is not None else signer.private_key,
        )
        try:
            with database.write() as uow:
                store.add_authority(
                    uow,
                    kid=signer.kid,
                    name=name,
                    certificate=certificate.public_bytes(Encoding.DER),
                    issuer_kid=root[0].kid if root is not None else signer.kid,
                    created_at=now,
                )
        except IntegrityError:
            pass  # another process prepared the same authority at the same moment


def _subject(jurisdiction: Jurisdiction, name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, jurisdiction.country),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, jurisdiction.name[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{jurisdiction.name[:40]} {_TITLES[name]}"),
        ]
    )
