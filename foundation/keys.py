"""Keys: sealing under the master key, and signing keys that rotate — RFC 5869, 7517, 7638, 8725.

Sealed private keys are rows, so every process sees a rotation. A new key is published one cache
lifetime before it signs, and an old one stays published until what it signed has expired.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, ClassVar, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from pydantic import Field
from sqlalchemy import Column, Integer, LargeBinary, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from foundation import algorithms
from foundation.algorithms import PrivateKey
from foundation.clock import Clock, begun
from foundation.database import Database, UnitOfWork, metadata
from foundation.master_key import MasterKey
from foundation.row_macs import held
from foundation.sealing import CannotOpen, open_under, seal_under
from foundation.settings import Section, Settings, SettingsError
from foundation.signing_keys import (
    Generation,
    PublishedKey,
    Signer,
    generation,
    signing_keys,
    thumbprint,
)

if TYPE_CHECKING:
    from foundation.pkcs11.token import Token

__all__ = [
    "CannotOpen",
    "KeySettings",
    "Keys",
    "NoKey",
    "PublishedKey",
    "Signer",
    "master_key_check",
    "signing_keys",
    "thumbprint",
]


class KeySettings(Section):
    """Where the master key comes from, and how signing keys turn over."""

    section: ClassVar[str] = "keys"
    master_key: str = "file:master.key"
    """`file:PATH` (mode 0600), `credential:NAME` (systemd), or a `pkcs11:` URI (RFC 7512)."""
    pkcs11: str | None = None
    """RFC 7512 URI of the token for the uses in `in_token`; its PIN comes from pin-source."""
    in_token: tuple[str, ...] = ()
    """Uses whose signing key lives in the token, such as `audit` or `ca-root`."""
    rotating: tuple[str, ...] = ("jwt", "jwt-rs256")
    """Uses whose keys are replaced by themselves. Not `federation`: others pin those keys."""
    rotate_after_days: int = Field(default=90, ge=1)
    """Age at which such a key is replaced."""
    publish_ahead_seconds: int = Field(default=600, ge=0)
    """How long others may keep our key set: its Cache-Control max-age, and the wait to sign."""
    keep_published_hours: int = Field(default=24, ge=1)
    """How long a replaced key is still published: longer than any token that it signed."""


master_key_check = Table(
    "master_key_check",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", LargeBinary, nullable=False),
)
held(master_key_check, "it is compared with the master key at every start")


class NoKey(Exception):
    """No key signs for this use: `prepare` of its package has not run."""


class Keys:
    """Seals, authenticates and signs; one per process, safe to share between threads."""

    # A revocation or a rotation made by another process is seen after this long.
    CACHE = timedelta(seconds=1)

    def __init__(
        self,
        master: MasterKey,
        database: Database,
        clock: Clock,
        settings: KeySettings | None = None,
        token: Token | None = None,
    ) -> None:
        self._master = master
        self._database = database
        self._clock = clock
        self.settings = settings or KeySettings()
        self._token = token
        self._lock = Lock()
        self._rows: dict[str, tuple[datetime, tuple[Generation, ...]]] = {}
        self._private: dict[str, PrivateKey] = {}
        self._cipher = lru_cache(maxsize=256)(self._make_cipher)

    @classmethod
    def load(cls, settings: Settings, database: Database, clock: Clock) -> Self:
        """The keys of a deployment. Raises SettingsError with a sentence that says what to do."""
        chosen = settings.of(KeySettings)
        master = MasterKey.load(chosen.master_key, settings.path.parent)
        token = None
        if chosen.pkcs11 is not None:
            from foundation.pkcs11.token import Token

            token = Token(chosen.pkcs11, settings.path.parent)
        elif chosen.in_token:
            raise SettingsError(
                "[keys] in_token names keys to hold in a token, but [keys] pkcs11 does not say "
                'which: write pkcs11 = "pkcs11:token=NAME?module-path=…&pin-source=file:…".'
            )
        return cls(master, database, clock, chosen, token)

    # ── the master key and this database belong together ──────────────────────────────

    def prepare(self) -> None:
        """Bind this database to this master key, once; `civitas init` calls it."""
        with self._database.write() as uow:
            if uow.one(select(master_key_check.c.id)) is None:
                uow.execute(insert(master_key_check).values(id=1, value=self._master.check_value()))
        self.check()

    def check(self) -> None:
        """Raises SettingsError unless this database was made with this master key."""
        with self._database.read() as uow:
            row = uow.one(select(master_key_check.c.value))
        if row is None:
            raise SettingsError(
                "This database has no master key yet: run `civitas init` to set it up."
            )
        if not hmac.compare_digest(row.value, self._master.check_value()):
            raise SettingsError(
                f"The master key {self._master.source} is not the one that this database was "
                f"made with: put the right key there, or correct [keys] master_key."
            )

    # ── sealing — NIST SP 800-38D (AES-256-GCM) ───────────────────────────────────────

    def _make_cipher(self, purpose: str) -> AESGCM:
        return AESGCM(self._master.derive("seal/" + purpose))

    def seal(self, purpose: str, plaintext: bytes, context: str = "") -> bytes:
        """Encrypt for one purpose and one context; elsewhere it does not open."""
        return seal_under(self._cipher(purpose), plaintext, f"{purpose}\0{context}")

    def open(self, purpose: str, sealed: bytes, context: str = "") -> bytes:
        """The plaintext of `seal` with the same purpose and context; raises CannotOpen."""
        return open_under(self._cipher(purpose), sealed, f"{purpose}\0{context}")

    def mac(self, purpose: str, data: bytes) -> bytes:
        """HMAC-SHA256 (32 bytes) under a key of this purpose alone."""
        return hmac.digest(self._master.derive("mac/" + purpose), data, "sha256")

    def wrapping_key(self, purpose: str) -> bytes:
        """A derived 256-bit key, for the vault, which wraps person keys under it."""
        return self._master.derive("wrap/" + purpose)

    def row_key(self) -> bytes:
        """A derived 256-bit key, for the MACs of rows that grant something."""
        return self._master.derive("mac/row")

    # ── signing keys ──────────────────────────────────────────────────────────────────

    def uses(self) -> tuple[str, ...]:
        """What there are keys for, as every process sees it."""
        with self._database.read() as uow:
            rows = uow.all(select(signing_keys.c.use).distinct().order_by(signing_keys.c.use))
        return tuple(row.use for row in rows)

    def signer(self, use: str) -> Signer:
        """The key that signs for `use` now; raises NoKey if `ensure` never ran for it."""
        now = self._clock.now()
        rows = self._generations(use, now)
        states = [row.state(now) for row in rows]
        for row, state in zip(reversed(rows), reversed(states), strict=True):
            if state == "signing":
                return self._signer(row)
        # The first key of all signs even before its hour: the clock that made it was ahead.
        if "waiting" in states:
            return self._signer(rows[states.index("waiting")])
        raise NoKey(f"no key signs for {use!r}: run `civitas init` or `civitas db upgrade`")

    def signers(self, use: str) -> tuple[Signer, ...]:
        """Every key of `use` that is not revoked, waiting and retired ones too, oldest first.

        For an authority: its next key has to be certified before it signs, and an old one signs
        the revocation lists of what it issued.
        """
        return tuple(
            self._signer(row)
            for row in self._generations(use, self._clock.now())
            if row.revoked_at is None
        )

    def _signer(self, row: Generation) -> Signer:
        key = row.key
        private = self._private_key(row)
        return Signer(key.kid, key.use, key.algorithm, private, row.label is not None)

    def published(self, use: str) -> tuple[PublishedKey, ...]:
        """The keys that others need to verify for `use`: next, present and recent; oldest first."""
        now = self._clock.now()
        states = ((row, row.state(now)) for row in self._generations(use, now))
        return tuple(
            replace(row.key, state=state)
            for row, state in states
            if state not in ("retired", "revoked")
        )

    def history(self, use: str) -> tuple[PublishedKey, ...]:
        """Every key of `use` but the revoked ones, retired ones too: for records that last."""
        now = self._clock.now()
        return tuple(
            replace(row.key, state=row.state(now))
            for row in self._generations(use, now)
            if row.revoked_at is None
        )

    def by_kid(self, kid: str) -> PublishedKey | None:
        """Any key we ever had, retired and revoked ones too: for what was signed long ago."""
        with self._database.read() as uow:
            found = uow.one(select(signing_keys).where(signing_keys.c.kid == kid))
        if found is None:
            return None
        row = generation(found)
        return replace(row.key, state=row.state(self._clock.now()))

    def ensure(self, use: str, algorithm: str) -> None:
        """Make the first key of `use`, signing at once, unless there is one."""
        if not self._generations(use, self._clock.now()):
            self._add(use, algorithm, 1, self._clock.now(), None)

    def rotate(
        self,
        use: str,
        now: datetime | None = None,
        *,
        algorithm: str | None = None,
        keep: timedelta | None = None,
        ahead: timedelta | None = None,
    ) -> str:
        """Publish a new key of `use`, which signs `ahead` later; returns its kid.

        The old key signs until then and stays published for `keep` after that. When two
        processes rotate at once, one of them makes the key and both return it.
        """
        now = now or self._clock.now()
        self._rows.pop(use, None)
        rows = self._generations(use, now)
        if not rows:
            raise NoKey(f"there is no key of {use!r} to rotate")
        last = rows[-1]
        if ahead is None:
            ahead = timedelta(seconds=self.settings.publish_ahead_seconds)
        if last.state(now) == "waiting":
            self._bring_forward(last, now + ahead)
            return last.key.kid
        if keep is None:
            keep = timedelta(hours=self.settings.keep_published_hours)
        starts = now if last.state(now) in ("revoked", "retired") else now + ahead

        def hand_over(uow: UnitOfWork) -> None:
            uow.execute(
                update(signing_keys)
                .where(signing_keys.c.use == use, signing_keys.c.signs_until.is_(None))
                .where(signing_keys.c.generation <= last.generation)
                .values(signs_until=starts, published_until=starts + keep)
            )

        self._add(use, algorithm or last.key.algorithm, last.generation + 1, starts, hand_over)
        return self._generations(use, now)[-1].key.kid

    def _bring_forward(self, waiting: Generation, starts: datetime) -> None:
        """Let a key that waits for a later day sign from here on; the one before as long."""
        if waiting.key.signs_from <= starts:
            return
        later, c = waiting.key.signs_from, signing_keys.c
        before = (c.use == waiting.key.use) & (c.signs_until == later)
        with self._database.read() as uow:
            keeps = uow.all(select(c.kid, c.published_until).where(before))
        with self._database.write() as uow:
            uow.execute(
                update(signing_keys)
                .where(c.kid == waiting.key.kid)
                .values(signs_from=starts, created_at=min(waiting.key.created_at, starts))
            )
            for row in keeps:
                keep = row.published_until - later
                uow.execute(
                    update(signing_keys)
                    .where(c.kid == row.kid)
                    .values(signs_until=starts, published_until=starts + keep)
                )
        self._rows.pop(waiting.key.use, None)

    def rotate_due(self, now: datetime, uses: Iterable[str] | None = None) -> tuple[str, ...]:
        """Rotate what is older than `rotate_after_days`: periodic work, idempotent; the uses."""
        oldest = now - timedelta(days=self.settings.rotate_after_days)
        ahead = timedelta(seconds=self.settings.publish_ahead_seconds)
        rotated = []
        for use in self.settings.rotating if uses is None else uses:
            rows = self._generations(use, now)
            if rows and not begun(rows[-1].key.created_at, now):
                self._bring_forward(rows[-1], now + ahead)  # a clock that was ahead made it
            elif rows and rows[-1].key.signs_from <= oldest:
                self.rotate(use, now)
                rotated.append(use)
        return tuple(rotated)

    def revoke(self, kid: str, now: datetime) -> None:
        """Stop a compromised key at once: it neither signs nor is published any more."""
        with self._database.write() as uow:
            uow.execute(
                update(signing_keys).where(signing_keys.c.kid == kid).values(revoked_at=now)
            )
        self._rows.clear()

    def jwk(self, key: PublishedKey) -> dict[str, str]:
        """The public key as a JSON Web Key with kid, use and alg — RFC 7517 §4."""
        return {
            **algorithms.jwk(key.public_key),
            "kid": key.kid,
            "use": "sig",
            "alg": key.algorithm,
        }

    def _generations(self, use: str, now: datetime) -> tuple[Generation, ...]:
        cached = self._rows.get(use)
        if cached is not None and timedelta(0) <= now - cached[0] < self.CACHE:
            return cached[1]
        with self._database.read() as uow:
            found = uow.all(
                select(signing_keys)
                .where(signing_keys.c.use == use)
                .order_by(signing_keys.c.generation)
            )
        rows = tuple(generation(row) for row in found)
        if rows:
            self._rows[use] = (now, rows)
        return rows

    def _private_key(self, row: Generation) -> PrivateKey:
        kid = row.key.kid
        known = self._private.get(kid)
        if known is not None:
            return known
        private: PrivateKey
        if row.label is not None:
            if self._token is None:
                raise SettingsError(
                    f"The key of {row.key.use} is in a PKCS#11 token as {row.label}: name the "
                    f"token in [keys] pkcs11."
                )
            private = self._token.private_key(row.label, row.key.algorithm, row.key.public_key)
        else:
            der = self.open("signing-key", row.sealed or b"", f"{row.key.use}\0{kid}")
            private = algorithms.checked(row.key.algorithm, load_der_private_key(der, None))
        with self._lock:
            return self._private.setdefault(kid, private)

    def _add(
        self,
        use: str,
        algorithm: str,
        number: int,
        signs_from: datetime,
        also: Callable[[UnitOfWork], None] | None,
    ) -> None:
        sealed = label = None
        if use in self.settings.in_token and self._token is not None:
            label = f"civitas {use} {base64.b32encode(os.urandom(10)).decode().lower()}"
            public = self._token.generate(label, algorithm).public_key()
        else:
            private = algorithms.generate(algorithm)
            public = private.public_key()
            der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            sealed = self.seal("signing-key", der, f"{use}\0{thumbprint(public)}")
        try:
            with self._database.write() as uow:
                uow.execute(
                    insert(signing_keys).values(
                        kid=thumbprint(public),
                        use=use,
                        generation=number,
                        algorithm=algorithm,
                        public_key=algorithms.public_der(public),
                        sealed=sealed,
                        label=label,
                        created_at=self._clock.now(),
                        signs_from=signs_from,
                    )
                )
                if also is not None:
                    also(uow)
        except IntegrityError:
            # Another process made this generation first: (use, generation) is unique.
            if label is not None and self._token is not None:
                self._token.destroy(label)
        self._rows.pop(use, None)
