"""What a certificate of one kind contains: the profile decides, the request only proposes.

Sources: RFC 5280 §4.2, IEEE 802.1AR §8. Profiles are data in `pki/profiles/*.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

KEY_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
EXTENDED_KEY_USAGES = {"client_auth": "1.3.6.1.5.5.7.3.2", "server_auth": "1.3.6.1.5.5.7.3.1"}
KEY_KINDS = ("EC-secp256r1", "EC-secp384r1", "EC-secp521r1", "Ed25519", "RSA")
NAME_KINDS = ("URI", "DNS", "IP")


class ProfileError(ValueError):
    """A profile file that says something impossible; the message names the file's key."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of certificate.

    `issuer` names the authority that signs it ("root", "devices", "services"). `backdate`
    allows for clocks that run late. `renewal_key` is "any" or "new": whether a renewal may keep
    its key. `est_label` is the path segment of RFC 7030 §3.2.2 under which it is offered.
    """

    name: str
    issuer: str
    lifetime: timedelta
    backdate: timedelta
    authority: bool
    path_length: int | None
    key_usage: frozenset[str]
    extended_key_usage: tuple[str, ...]
    keys: frozenset[str]
    rsa_bits: tuple[int, int]
    names: frozenset[str]
    subject: frozenset[str]
    renewal_key: str
    est_label: str | None

    @property
    def extended_key_usage_oids(self) -> tuple[str, ...]:
        return tuple(EXTENDED_KEY_USAGES[usage] for usage in self.extended_key_usage)


def parse(name: str, written: Mapping[str, Any]) -> Profile:
    """A profile from its file. Raises ProfileError when a key is missing, unknown or impossible."""
    rest = dict(written)
    try:
        profile = Profile(
            name=name,
            issuer=str(rest.pop("issuer")),
            lifetime=timedelta(days=int(rest.pop("lifetime_days"))),
            backdate=timedelta(minutes=int(rest.pop("backdate_minutes", 5))),
            authority=bool(rest.pop("authority", False)),
            path_length=rest.pop("path_length", None),
            key_usage=_among(rest.pop("key_usage"), KEY_USAGES, "key_usage"),
            extended_key_usage=tuple(
                sorted(_among(rest.pop("extended_key_usage", ()), EXTENDED_KEY_USAGES, "…usage"))
            ),
            keys=_among(rest.pop("keys"), KEY_KINDS, "keys"),
            rsa_bits=_bits(rest.pop("rsa_bits", (2048, 4096))),
            names=_among(rest.pop("names", ()), NAME_KINDS, "names"),
            subject=frozenset(rest.pop("subject", ("CN",))),
            renewal_key=str(rest.pop("renewal_key", "any")),
            est_label=rest.pop("est_label", None),
        )
    except KeyError as missing:
        raise ProfileError(f"{name}.toml: write {missing.args[0]} = …") from missing
    if rest:
        raise ProfileError(f"{name}.toml: unknown key {min(rest)}")
    _consistent(profile)
    return profile


def _consistent(profile: Profile) -> None:
    signs = {"key_cert_sign", "crl_sign"}
    if profile.authority != bool(profile.key_usage & signs):
        raise ProfileError(f"{profile.name}.toml: only an authority, and each, signs certificates")
    if profile.renewal_key not in ("any", "new"):
        raise ProfileError(f'{profile.name}.toml: write renewal_key = "any" or "new"')
    if profile.lifetime <= timedelta(0):
        raise ProfileError(f"{profile.name}.toml: lifetime_days must be positive")


def _among(values: Any, known: Any, key: str) -> frozenset[str]:
    unknown = set(values) - set(known)
    if unknown:
        raise ProfileError(f"{key}: {min(unknown)} is not one of {', '.join(known)}")
    return frozenset(values)


def _bits(written: Any) -> tuple[int, int]:
    low, high = written
    return int(low), int(high)
