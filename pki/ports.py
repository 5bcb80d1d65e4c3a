"""What enrolment asks of whoever knows the holders — RFC 7030 §3.2.3, §4.2."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from foundation.database import UnitOfWork
from foundation.errors import Problem
from pki.requests.request import CertificateRequest
from pki.x509.certificate import IssuedCertificate, ValidCertificate


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a name with a secret, or a certificate that we validated, or neither.

    `tls_unique` are the bytes that name the TLS connection (RFC 5929 §3), where a request may be
    linked to it.
    """

    username: str | None = None
    secret: str | None = field(default=None, repr=False)
    certificate: ValidCertificate | None = None
    address: str = ""
    tls_unique: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave to issue one certificate.

    `reference` is unique: a second issuance under it yields the same certificate. `names` are
    written `URI:…`, `DNS:…` or `IP:…`, and decide; the request may only repeat them. `known_as`
    are other common names that the request may carry for the same holder. `wait_seconds` says that
    a human has to approve first, and when to ask again. `memo` is what the
    registrar found out and would otherwise ask again; None after a restart. `instead_of` are
    earlier references of the same leave, under which nothing was ever signed: they are given up.
    """

    reference: str
    holder: str
    profile: str
    common_name: str
    names: tuple[str, ...] = ()
    known_as: frozenset[str] = frozenset()
    wait_seconds: int = 0
    memo: object = field(default=None, compare=False, repr=False)
    instead_of: tuple[str, ...] = ()


class Registrar(Protocol):
    """Who keeps the record of the holders, and so has a part in each issuance."""

    def bind(self, uow: UnitOfWork, admission: Admission, public_key: str, now: datetime) -> None:
        """Spend the leave on this key, in the transaction that records the serial."""
        ...

    def give_back(self, uow: UnitOfWork, admission: Admission, public_key: str) -> None:
        """Undo `bind`: the serial was voided unsigned, for a reason of ours."""
        ...

    def issued(
        self, uow: UnitOfWork, admission: Admission, certificate: IssuedCertificate, now: datetime
    ) -> None:
        """Take note and tell the audit, in the transaction that records the certificate.

        A refusal voids it.
        """
        ...


class EnrolmentGate(Registrar, Protocol):
    """May this caller have a certificate, and for whom? Raises EnrolmentRefused otherwise."""

    def admit(
        self, caller: Caller, request: CertificateRequest, asked: str | None, now: datetime
    ) -> Admission:
        """Decide; write nothing yet, so that a bad request costs the caller nothing.

        `asked` names the profile that the caller wants, None leaves it to the record.
        """
        ...

    def expected(self, caller: Caller, asked: str | None, now: datetime) -> Admission | None:
        """What `admit` would say, before there is a request; None for a caller without a name."""
        ...

    def refused(self, caller: Caller, refusal: Problem, now: datetime) -> Problem:
        """Take note of a refusal; the problem to answer with, the same one or a throttle."""
        ...
