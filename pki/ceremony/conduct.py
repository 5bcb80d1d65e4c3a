"""The ceremony, step by step: begin, sign, renew — RFC 5280 §3.2, RFC 4210 §4.4.

Every step lints and records before it signs, as issuing does, and writes down what it did.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.settings import Jurisdiction
from pki import profiles
from pki.ceremony import papers, shares
from pki.ceremony.box import Box, OpenBox, Root
from pki.ceremony.papers import Requests
from pki.ceremony.transcript import Transcript, fingerprint, in_fours
from pki.hierarchy import plan
from pki.hierarchy.hierarchy import Authority
from pki.issuing import drafting, preflight
from pki.issuing.authority_certificate import authority_draft, authority_name, cross_draft
from pki.issuing.status_links import StatusPlaces
from pki.refusals import CeremonyRefused
from pki.requests import request
from pki.status.beginning import begins
from pki.x509 import names
from pki.x509.public_key import describe, info_of

LIST_LASTS = timedelta(days=400)
"""A root's list is made at ceremonies, once a year or whenever an authority is revoked."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A new box, with the words for each custodian in the order of their names."""

    box: Box
    words: tuple[str, ...]
    transcript: Transcript
    page: Path


@dataclass(frozen=True, slots=True)
class Signed:
    """What a ceremony gives back to the city: PEM, and the page to print."""

    answer: bytes
    transcript: Transcript
    page: Path


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """A PKCS#11 token for the roots' keys: URI without its PIN, and the file with it."""

    uri: str
    initial_pin: Path


def begin(
    folder: Path,
    jurisdiction: Jurisdiction,
    custodians: Sequence[str],
    threshold: int,
    algorithm: str,
    now: datetime,
    token: TokenChoice | None = None,
    generation: int = 1,
) -> Begun:
    """Make the secret, share it out, and make every root of the plan with its key.

    `algorithm` is that of the roots that name none; `generation` is more than one where this box
    follows another one that was lost. Raises CeremonyRefused.
    """
    if len(set(custodians)) != len(custodians) or not all(c.strip() for c in custodians):
        raise CeremonyRefused(
            "Each custodian is another person, with a name.",
            "Name two or more people.",
            where="custodian",
        )
    secret = os.urandom(32)
    words = shares.split(secret, threshold, len(custodians))
    box = Box.new(
        folder, jurisdiction.name, jurisdiction.country, tuple(custodians), threshold, secret
    )
    opened = OpenBox(box, secret)
    transcript = _transcript(box, "Ceremony: the roots are made", custodians)
    transcript.note(
        now, "The secret was made and shared out", custodians=", ".join(custodians),
        opens_with=f"{threshold} of {len(custodians)}",
    )  # fmt: skip
    if token is not None:
        opened.take_token(token.uri, token.initial_pin)
        transcript.note(now, "The token took a PIN that nobody knows", token=token.uri)
    for planned in plan.load().values():
        if planned.is_root:
            _make_root(opened, planned, planned.algorithm or algorithm, transcript, now, generation)
    return Begun(box, words, transcript, _written(opened, transcript))


def sign(
    folder: Path, words: Sequence[str], asked: Requests, present: Sequence[str], now: datetime
) -> Signed:
    """Certify the authorities that ask, and make fresh lists of every root."""
    box = Box.read(folder)
    opened = OpenBox(box, shares.combine(words))
    if (asked.city, asked.country) != (box.city, box.country):
        raise CeremonyRefused(
            f"The requests are those of {asked.city}, the roots those of {box.city}.",
            "Bring the requests of the right city.",
            where="city",
        )
    transcript = _transcript(box, "Ceremony: authorities are certified", present)
    transcript.note(
        now, f"The requests of {asked.city} were read, and compared with the city's own print",
        sha256=in_fours(asked.digest), lists_are_published_at=asked.status,
    )  # fmt: skip
    # Everything is looked at before anything is signed.
    drafts = [_examined(opened, one, asked.status, now) for one in asked.requests]
    _each_once(asked)
    revoked = [_may_revoke(box, one, now) for one in asked.revoke]
    certified = [_certify(opened, draft, root, transcript, now) for draft, root in drafts]
    for one in revoked:
        _list(opened, one, transcript, now)
    lists = [_revocation_list(opened, root, transcript, now) for root in box.roots]
    answer = papers.answer([*_standing(box), *certified], lists)
    return Signed(answer, transcript, _written(opened, transcript))


def renew(
    folder: Path, words: Sequence[str], name: str, present: Sequence[str], now: datetime
) -> Signed:
    """A next root of one name, certified by the present one and certifying it in turn."""
    box = Box.read(folder)
    opened = OpenBox(box, shares.combine(words))
    old, planned = box.newest(name), plan.load().get(name)
    if old is None or planned is None:
        raise CeremonyRefused(
            f"The box holds no root {name}.",
            f"Name one of {', '.join(sorted({root.name for root in box.roots}))}.",
            where="root",
        )
    transcript = _transcript(box, f"Ceremony: {name} is renewed", present)
    new = _make_root(opened, planned, old.algorithm, transcript, now)
    for subject, issuer in ((new, old), (old, new)):
        _cross(opened, subject, issuer, transcript, now)
    lists = [_revocation_list(opened, root, transcript, now) for root in box.roots]
    answer = papers.answer(_standing(box), lists)
    return Signed(answer, transcript, _written(opened, transcript))


# ── the steps ─────────────────────────────────────────────────────────────────────────────


def _make_root(
    opened: OpenBox,
    planned: plan.Planned,
    algorithm: str,
    transcript: Transcript,
    now: datetime,
    first: int = 1,
) -> Root:
    box = opened.box
    before = box.newest(planned.name)
    generation = before.generation + 1 if before is not None else first
    key, kept = opened.make_key(f"{planned.name}-{generation}", algorithm)
    subject = authority_name(_jurisdiction(box), planned, generation)
    draft = authority_draft(planned, subject, info_of(key.public_key()), None, None, now)
    certificate = drafting.sign(draft, None, key)
    _record(box, f"{planned.name}-{generation}", draft, now)
    pem = certificate.public_bytes(Encoding.PEM).decode()
    root = Root(planned.name, generation, algorithm, pem, **kept)
    box.roots.append(root)
    opened.save()
    transcript.note(
        now, f"The root {root.slug} was made", algorithm=algorithm,
        key="in the token" if root.label else "sealed in the box",
        subject=certificate.subject.rfc4514_string(),
        until=certificate.not_valid_after_utc.date().isoformat(), sha256=fingerprint(certificate),
    )  # fmt: skip
    return root


def _examined(
    opened: OpenBox, one: papers.AuthorityRequest, status: str, now: datetime
) -> tuple[drafting.Draft, Root]:
    """A request that fits the plan, as what its root would sign. Raises CeremonyRefused."""
    box, planned = opened.box, plan.load().get(one.authority)
    root = box.newest(planned.issuer) if planned is not None and planned.issuer else None
    if planned is None or root is None:
        raise CeremonyRefused(
            f"No root here certifies an authority {one.authority}.",
            "Ask for those that the plan of the hierarchy names.",
            where="authority",
        )
    proposed = request.parse(one.request.encode())
    profile = profiles.load()[planned.profile]
    subject = authority_name(_jurisdiction(box), planned, one.generation)
    wrong = (
        "its name is another one"
        if proposed.subject != names.attributes(subject)
        else f"a key of the kind {proposed.public_key.kind} does not fit"
        if proposed.public_key.kind not in profile.keys
        else f"its key is weak: {proposed.public_key.weakness}"
        if proposed.public_key.weakness is not None
        else "the root certified another key under this name before"
        if _certified_otherwise(box, root, subject, proposed.public_key.digest)
        else None
    )
    if wrong is not None:
        raise CeremonyRefused(
            f"The request of {one.authority}-{one.generation} does not fit: {wrong}.",
            "Run `civitas ca requests` once more, with this program's version.",
            where=f"{one.authority}-{one.generation}",
        )
    links = StatusPlaces(status).links(root.slug, 0)
    draft = authority_draft(planned, subject, proposed.public_key.der, root.authority, links, now)
    return draft, root


def _certify(
    opened: OpenBox, draft: drafting.Draft, root: Root, transcript: Transcript, now: datetime
) -> x509.Certificate:
    """Lint, record, sign."""
    issuer: Authority = root.authority
    with opened.key(root) as key:
        body = preflight.examine(draft, issuer.certificate, key)
        _record(opened.box, root.slug, draft, now)
        opened.save()
        der = drafting.signed(body, key)
    certificate = x509.load_der_x509_certificate(der)
    transcript.note(
        now, f"{root.slug} certified {certificate.subject.rfc4514_string()}",
        key=in_fours(describe(certificate.public_key()).digest), serial=f"{draft.serial:x}",
        sha256=fingerprint(certificate),
        until=certificate.not_valid_after_utc.date().isoformat(),
    )  # fmt: skip
    return certificate


def _cross(
    opened: OpenBox, subject: Root, issuer: Root, transcript: Transcript, now: datetime
) -> None:
    with opened.key(issuer) as key:
        draft = cross_draft(subject.authority, issuer.authority, now)
        _record(opened.box, issuer.slug, draft, now)
        certificate = drafting.sign(draft, issuer.authority.certificate, key)
    opened.box.crosses.append(certificate.public_bytes(Encoding.PEM).decode())
    opened.save()
    transcript.note(
        now, f"{issuer.slug} certified {subject.slug}", serial=f"{draft.serial:x}",
        sha256=fingerprint(certificate),
    )  # fmt: skip


def _certified_otherwise(box: Box, root: Root, subject: x509.Name, key: str) -> bool:
    name = subject.rfc4514_string()
    return any(
        one["issuer"] == root.slug and one["subject"] == name and one["key"] != key
        for one in box.record
    )


def _each_once(asked: Requests) -> None:
    named = [(one.authority, one.generation) for one in asked.requests]
    if len(set(named)) != len(named):
        raise CeremonyRefused(
            "An authority asks twice in one file.",
            "Bring the file that `civitas ca requests` wrote, unchanged.",
            where="requests",
        )


def _may_revoke(
    box: Box, asked: papers.RevocationRequest, now: datetime
) -> papers.RevocationRequest:
    signed_here = {(one["issuer"], one["serial"]) for one in box.record}
    if (asked.issuer, asked.serial) not in signed_here:
        raise CeremonyRefused(
            f"No root here signed {asked.serial} as {asked.issuer}.",
            "Ask for what a root of this box signed.",
            where="revoke",
        )
    if datetime.fromisoformat(asked.at) > now + timedelta(minutes=10):
        raise CeremonyRefused(
            f"{asked.serial} would be revoked in the future.",
            "Correct the clock of the city, or of this machine.",
            where="revoke",
        )
    return asked


def _list(
    opened: OpenBox, asked: papers.RevocationRequest, transcript: Transcript, now: datetime
) -> None:
    box = opened.box
    if not any(one["serial"] == asked.serial for one in box.revoked):
        box.revoked.append(
            {"issuer": asked.issuer, "serial": asked.serial, "reason": asked.reason,
             "at": asked.at}
        )  # fmt: skip
        opened.save()
    transcript.note(now, f"{asked.issuer} revokes {asked.serial}", reason=asked.reason)


def _revocation_list(
    opened: OpenBox, root: Root, transcript: Transcript, now: datetime
) -> x509.CertificateRevocationList:
    box = opened.box
    box.lists += 1
    opened.save()  # a number is spent before it is used, so none is ever used twice
    authority = root.authority
    revoked = [one for one in box.revoked if one["issuer"] == root.slug]
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(begins(now, [_revoked_at(one) for one in revoked]))
        .next_update((now + LIST_LASTS).replace(microsecond=0))
        .add_extension(x509.CRLNumber(box.lists), critical=False)
        .add_extension(drafting.key_of(authority.certificate), critical=False)
    )
    for one in revoked:
        builder = builder.add_revoked_certificate(_entry(one))
    with opened.key(root) as key:
        made = builder.sign(key, drafting.hash_for(key))
    transcript.note(
        now, f"{root.slug} signed its revocation list", number=str(box.lists),
        names=str(len(made)), until=(now + LIST_LASTS).date().isoformat(),
    )  # fmt: skip
    return made


def _revoked_at(one: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(one["at"]).astimezone(UTC)


def _entry(one: Mapping[str, Any]) -> x509.RevokedCertificate:
    return (
        x509.RevokedCertificateBuilder()
        .serial_number(int(one["serial"], 16))
        .revocation_date(_revoked_at(one))
        .add_extension(x509.CRLReason(x509.ReasonFlags(one["reason"])), critical=False)
        .build()
    )


def _standing(box: Box) -> list[x509.Certificate]:
    pems = [*(root.certificate for root in box.roots), *box.crosses]
    return [x509.load_pem_x509_certificate(pem.encode()) for pem in pems]


def _record(box: Box, issuer: str, draft: drafting.Draft, now: datetime) -> None:
    box.record.append(
        {
            "issuer": issuer,
            "serial": f"{draft.serial:x}",
            "subject": draft.subject.rfc4514_string(),
            "key": hashlib.sha256(draft.public_key).hexdigest(),
            "at": now.isoformat(),
        }
    )


def _jurisdiction(box: Box) -> Jurisdiction:
    return Jurisdiction(name=box.city, country=box.country)


def _transcript(box: Box, title: str, present: Sequence[str]) -> Transcript:
    box.ceremonies += 1
    return Transcript(f"{title} ({box.ceremonies})", box.city, tuple(present))


def _written(opened: OpenBox, transcript: Transcript) -> Path:
    opened.save()
    box = opened.box
    path = box.folder / f"ceremony-{box.ceremonies}.html"
    path.write_text(transcript.page(), "utf-8")
    return path
