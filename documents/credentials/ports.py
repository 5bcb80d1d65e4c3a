"""What credentials ask of those who know people and wallets; `civitas` plugs in who answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from starlette.requests import Request

from foundation.database import UnitOfWork
from policies import Consent, Known


@dataclass(frozen=True, slots=True)
class Seen:
    """Who is at this browser, at which level; `proof` is what the wallets' side needs of it."""

    person_id: str
    level: int
    proof: Any


@dataclass(frozen=True, slots=True)
class GoTo:
    """Nobody is there: the local path where somebody proves who they are, and comes back."""

    path: str


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet that people can have credentials ready for."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose wallet calls, and what it may have, by its access token.

    `attributes`: the claims that the person chose to give to it. `configurations`: the kinds of
    credentials, each with the identifiers by which it is asked for; none where it is asked for by
    its kind alone. `grant`: what the wallets' side knows it by.
    """

    person_id: str
    wallet: str
    wallet_name: str
    level: int
    purpose: str
    attributes: tuple[str, ...]
    configurations: Mapping[str, tuple[str, ...]]
    grant: Any


@dataclass(frozen=True, slots=True)
class Offered:
    """The code for a wallet, and the one that its person types."""

    code: str
    tx_code: str
    expires_at: datetime


class Wallets(Protocol):
    """Who is there, and the wallets that act for them."""

    def seen(self, request: Request, level: int, here: str) -> Seen | GoTo:
        """Who is at this browser, at this level where they can reach it; `here`: the page that
        asks."""
        ...

    def known(self) -> Sequence[Wallet]:
        """All that are registered, oldest first."""
        ...

    def offer(
        self,
        uow: UnitOfWork,
        seen: Seen,
        wallet: str,
        *,
        code: str,
        forms: Mapping[str, str],
        attributes: Sequence[str],
        consent: Consent,
        now: datetime,
    ) -> Offered:
        """Have a credential ready for a wallet, in the caller's unit of work. `forms`: each
        of its forms, and the identifier under which the wallet asks for it in that form."""
        ...

    def offered(self, code: str) -> tuple[Sequence[str], datetime] | None:
        """The credential that waits behind a code, in each of its forms, and until when; None if
        none does."""
        ...

    def holder(self, request: Request) -> Holder:
        """Whose wallet calls. Raises the errors of RFC 6750 and RFC 9449."""
        ...

    def release(self, holder: Holder, names: Sequence[str], now: datetime) -> Mapping[str, Any]:
        """The values of those claims that the one decision permits to release now."""
        ...

    def confirm(self, uow: UnitOfWork, holder: Holder, now: datetime) -> bool:
        """Hold what the person allowed until this unit of work is done; False if it has ended."""
        ...

    def headers(self, request: Request, now: datetime) -> Mapping[str, str]:
        """What an answer to a wallet says besides: the next nonce for its proofs (RFC 9449 §8)."""
        ...

    def facts(self, person_id: str, uow: UnitOfWork | None = None) -> Known:
        """Level, age and state of a person; raises NotFound."""
        ...
