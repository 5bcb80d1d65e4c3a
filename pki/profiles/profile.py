"""What a certificate of one kind contains: the profile decides, the request only proposes.

Sources: RFC 3161 §2.3, RFC 5280 §4.2, RFC 6960 §4.2.2.2, RFC 9608, RFC 9881, IEEE 802.1AR §8.
Profiles are data in `pki/profiles/*.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

KEY_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
EXTENDED_KEY_USAGES = {
    "server_auth": "1.3.6.1.5.5.7.3.1",
    "client_auth": "1.3.6.1.5.5.7.3.2",
    "time_stamping": "1.3.6.1.5.5.7.3.8",
    "ocsp_signing": "1.3.6.1.5.5.7.3.9",
    "document_signing": "1.3.6.1.5.5.7.3.36",
}
ML_DSA_KINDS = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
KEY_KINDS = ("EC-secp256r1", "EC-secp384r1", "EC-secp521r1", "Ed25519", "RSA", *ML_DSA_KINDS)
NAME_KINDS = ("URI", "DNS", "IP")
SUBJECT_ATTRIBUTES = ("CN", "serialNumber", "C")
EACH = "each"
"""As an issuer: every issuing authority certifies its own, and no protocol asks for one."""
STATUS = ("published", "listed", "short-lived", "responder", "anchor")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")


class ProfileError(ValueError):
    """A profile file that says something impossible; the message names the file's key."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of certificate.

    `issuer` names the authority that signs it, as `hierarchy.toml` does; "each" where every
    issuing authority certifies its own (its responder); None where the hierarchy says it.
    `lifetime` None stands for "no well-defined end" (RFC 5280 §4.1.2.5).
    `backdate` allows for clocks that run late. `status` says where one learns that it was revoked:
    "published" (list and responder), "listed" (list only: an offline root answers nobody),
    "short-lived" (nowhere: RFC 9608), "responder" (nowhere: RFC 6960 §4.2.2.2.1), "anchor" (a root
    is trusted, not looked up). `renewal_key` is "any" or "new":
    whether a renewal may keep its key. `wildcards`: whether the first label of a DNS name may be
    `*` (RFC 9525 §6.3). `est_label` is the path segment of RFC 7030 §3.2.2 under
    which it is offered. `keys_made_here` allows RFC 7030 §4.4; `approval` "human" makes a first
    request wait for an operator (§4.2.3). `one_act`: its key is gone when the act is over, so what
    a crash left unsigned is never completed.
    """

    name: str
    issuer: str | None
    lifetime: timedelta | None
    backdate: timedelta
    authority: bool
    path_length: int | None
    key_usage: frozenset[str]
    extended_key_usage: tuple[str, ...]
    policies: tuple[str, ...]
    keys: frozenset[str]
    rsa_bits: tuple[int, int]
    names: frozenset[str]
    wildcards: bool
    subject: frozenset[str]
    status: str
    renewal_key: str
    est_label: str | None
    keys_made_here: bool
    approval: str
    one_act: bool = False

    @property
    def extended_key_usage_oids(self) -> tuple[str, ...]:
        return tuple(EXTENDED_KEY_USAGES[usage] for usage in self.extended_key_usage)

    @property
    def extended_key_usage_critical(self) -> bool:
        """RFC 3161 §2.3: whoever does not know the purpose must not use the key for another."""
        return "time_stamping" in self.extended_key_usage


def parse(name: str, written: Mapping[str, Any]) -> Profile:
    """A profile from its file. Raises ProfileError when a key is missing, unknown or impossible."""
    rest = dict(written)
    try:
        profile = Profile(
            name=name,
            issuer=rest.pop("issuer", None),
            lifetime=_lifetime(rest),
            backdate=timedelta(minutes=int(rest.pop("backdate_minutes", 5))),
            authority=bool(rest.pop("authority", False)),
            path_length=rest.pop("path_length", None),
            key_usage=_among(rest.pop("key_usage"), KEY_USAGES, "key_usage"),
            extended_key_usage=tuple(
                sorted(
                    _among(
                        rest.pop("extended_key_usage", ()),
                        EXTENDED_KEY_USAGES,
                        "extended_key_usage",
                    )
                )
            ),
            policies=_oids(rest.pop("policies", ())),
            keys=_among(rest.pop("keys"), KEY_KINDS, "keys"),
            rsa_bits=_bits(rest.pop("rsa_bits", (2048, 4096))),
            names=_among(rest.pop("names", ()), NAME_KINDS, "names"),
            wildcards=bool(rest.pop("wildcards", False)),
            subject=_among(rest.pop("subject", ("CN",)), SUBJECT_ATTRIBUTES, "subject"),
            status=str(rest.pop("status", "published")),
            renewal_key=str(rest.pop("renewal_key", "any")),
            est_label=rest.pop("est_label", None),
            keys_made_here=bool(rest.pop("keys_made_here", False)),
            approval=str(rest.pop("approval", "registry")),
            one_act=bool(rest.pop("one_act", False)),
        )
    except KeyError as missing:
        raise ProfileError(f"{name}.toml: write {missing.args[0]} = …") from missing
    except ProfileError as error:
        raise ProfileError(f"{name}.toml: {error}") from error
    if rest:
        raise ProfileError(f"{name}.toml: unknown key {min(rest)}")
    _consistent(profile)
    return profile


def _lifetime(rest: dict[str, Any]) -> timedelta | None:
    if "lifetime_hours" in rest:
        return timedelta(hours=int(rest.pop("lifetime_hours")))
    days = rest.pop("lifetime_days")
    return None if days == "unlimited" else timedelta(days=int(days))


def _consistent(profile: Profile) -> None:
    for stands, sentence in _rules(profile):
        if not stands:
            raise ProfileError(f"{profile.name}.toml: {sentence}")


def _rules(profile: Profile) -> Iterator[tuple[bool, str]]:
    signs = {"key_cert_sign", "crl_sign"}
    enciphers = {"key_encipherment", "data_encipherment", "key_agreement"}
    responder = profile.status == "responder"
    brief = profile.lifetime is not None and profile.lifetime <= timedelta(days=7)
    yield (
        profile.authority == bool(profile.key_usage & signs),
        "only an authority, and each, signs certificates",
    )
    yield (
        profile.authority == (profile.issuer is None),
        "write issuer, unless it is an authority's: then the hierarchy says it",
    )
    yield profile.status in STATUS, f"write status = one of {', '.join(STATUS)}"
    yield (
        responder == ("ocsp_signing" in profile.extended_key_usage),
        "ocsp_signing and status responder belong together",
    )
    yield (
        responder == (profile.issuer == EACH),
        'a responder has issuer = "each", and nobody else has',
    )
    yield (
        not profile.extended_key_usage_critical or len(profile.extended_key_usage) == 1,
        "a key for time stamps is for nothing else",
    )
    yield (
        not profile.wildcards or "DNS" in profile.names,
        "wildcards are for names of the kind DNS",
    )
    yield profile.renewal_key in ("any", "new"), 'write renewal_key = "any" or "new"'
    yield profile.approval in ("registry", "human"), 'write approval = "registry" or "human"'
    yield (
        profile.lifetime is None or profile.lifetime > timedelta(0),
        "the lifetime must be positive",
    )
    yield (
        profile.status != "short-lived" or brief,
        "what cannot be revoked lives seven days at most",
    )
    # RFC 9881 §5: such a key signs, and does nothing else.
    yield (
        not (profile.keys & set(ML_DSA_KINDS) and profile.key_usage & enciphers),
        "an ML-DSA key only signs",
    )


def _among(values: Any, known: Any, key: str) -> frozenset[str]:
    unknown = set(values) - set(known)
    if unknown:
        raise ProfileError(f"{key}: {min(unknown)} is not one of {', '.join(known)}")
    return frozenset(values)


def _oids(values: Any) -> tuple[str, ...]:
    for value in values:
        if not _OID.fullmatch(str(value)):
            raise ProfileError(f"policies: {value} is not an object identifier")
    return tuple(values)


def _bits(written: Any) -> tuple[int, int]:
    low, high = written
    return int(low), int(high)
