"""The section `[login]`: what passwords cost, how long sessions live, how often one may guess."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from foundation.settings import Section


class LoginSettings(Section):
    """What a jurisdiction decides about sign-in. Times are in minutes."""

    section: ClassVar[str] = "login"

    argon2_memory: int = Field(default=19_456, ge=7_168)
    """KiB that one password hash takes (RFC 9106; 19 MiB with two passes)."""
    argon2_passes: int = Field(default=2, ge=1)
    """Passes of one password hash."""
    argon2_lanes: int = Field(default=1, ge=1)
    """Lanes of one password hash."""

    password_minimum: int = Field(default=10, ge=8, le=64)
    """Characters that a new password has at least."""
    breached_passwords: str | None = None
    """A file of leaked passwords that may not be chosen, beside the list that comes along:
    `SHA-1:COUNT` lines in the order of the hashes, as the downloader of Have I Been Pwned does."""

    fido_metadata: str | None = None
    """The file of the FIDO Metadata Service (MDS 3), as it is fetched. With it passkeys are asked
    which model they are of, and those in certified hardware reach level 4."""
    fido_metadata_root: str | None = None
    """The root of its certificate, PEM; without, GlobalSign Root R3, which the service has now."""
    fido_metadata_signer: str = "mds.fidoalliance.org"
    """The host that its certificate names."""
    passkey_models: str | None = None
    """A policy in place of `idp/login/authenticators/models.toml`: which models count."""

    card_issuers: str | None = None
    """A file (TOML) that names the authorities whose chip cards open something here, by Web eID;
    docs/operator.md shows what is in it. Without, no card does."""

    tell_new_browsers: bool = True
    """Whether a person is told that somebody signed in as them in a browser that was not seen
    before; who says "this was not me" ends that session and locks what it was opened with."""

    session_lifetime: int = Field(default=720, ge=5)
    """A session ends so long after it began, whatever happens in it (NIST SP 800-63B §5)."""
    session_idle: int = Field(default=60, ge=1)
    """A session ends after so long without a request."""

    account_attempts: int = Field(default=10, ge=1)
    """Wrong passwords for one name from one network in `attempt_window`. A browser that signed in
    to it before has a count of its own, so that a stranger cannot lock it out."""
    name_attempts: int = Field(default=100, ge=10)
    """Wrong passwords for one name from all networks in `attempt_window`; beyond it each network
    has two. It slows guessing by many machines down, and shuts nobody out."""
    code_attempts: int = Field(default=5, ge=3)
    """Wrong codes of one app or code card from one network in `attempt_window`."""
    code_attempts_a_day: int = Field(default=20, ge=5)
    """Wrong codes of one app or code card from all networks in a day; beyond it each network has
    two in `attempt_window`, and its owner is told."""
    name_choices: int = Field(default=10, ge=3)
    """Sign-in names of others that one may choose with one's activation code in a day: each tells
    that somebody has it."""
    source_attempts: int = Field(default=100, ge=1)
    """Wrong passwords or codes from one address in `attempt_window`."""
    lost_requests: int = Field(default=10, ge=1)
    """Letters for a way back that one address may ask for in an hour, whoever they are for."""
    attempt_window: int = Field(default=15, ge=1)
    """Minutes in which wrong attempts are counted."""

    identity_checks: int = Field(default=600, ge=1)
    """Numbers that one licensed service may check in a minute."""
    failure_events: int = Field(default=1_000, ge=10)
    """Names and passkeys whose failed sign-ins begin an entry of the audit in `attempt_window`;
    the failures of all others are counted together."""

    challenge_lifetime: int = Field(default=5, ge=1, le=30)
    """How long a passkey's challenge can be answered; it is answered once."""
    totp_drift: int = Field(default=1, ge=0, le=2)
    """Steps of thirty seconds by which the clock of an authenticator app may be wrong."""
    app_lifetime: int = Field(default=15, ge=5)
    """How long a new authenticator app waits for its first code."""
    card_days: int = Field(default=30, ge=1, le=365)
    """Days that a printed code card waits for its activation."""
    set_up_lifetime: int = Field(default=60, ge=5)
    """How long an opened activation stays open in the browser; the code itself lives longer."""

    removal_days: int = Field(default=7, ge=1, le=90)
    """Days until a passkey is removed that its holder says to have lost, and cannot show; the
    person is told at once, and stops it with the passkey."""

    @property
    def removal_delay(self) -> timedelta:
        return timedelta(days=self.removal_days)

    @property
    def lifetime(self) -> timedelta:
        return timedelta(minutes=self.session_lifetime)

    @property
    def idle(self) -> timedelta:
        return timedelta(minutes=self.session_idle)

    @property
    def window(self) -> timedelta:
        return timedelta(minutes=self.attempt_window)

    @property
    def name_window(self) -> timedelta:
        return timedelta(days=1)

    @property
    def challenge(self) -> timedelta:
        return timedelta(minutes=self.challenge_lifetime)

    @property
    def app(self) -> timedelta:
        return timedelta(minutes=self.app_lifetime)

    @property
    def card(self) -> timedelta:
        return timedelta(days=self.card_days)

    @property
    def set_up(self) -> timedelta:
        return timedelta(minutes=self.set_up_lifetime)
