"""What a request may propose under a profile, as a list of checks — RFC 5280, RFC 7030 §4.2.1.

The profile and the admission decide. A request that asks for anything else is refused with the
name of the field, never trimmed: a device that asked for more would believe it has it. What asks
for nothing, and the usages that OpenSSL's stock `v3_req` writes into every request, are left out,
and `left_out` names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from pki.ports import Admission
from pki.profiles.profile import KEY_USAGES, Profile
from pki.refusals import RequestRefused
from pki.requests.request import CHALLENGE_PASSWORD, CertificateRequest, called
from pki.x509 import names
from pki.x509.public_key import key_identifier

STOCK_USAGES = frozenset({"digital_signature", "content_commitment", "key_encipherment"})
"""What OpenSSL's `v3_req` asks for, whatever the request is for."""


def known_key(request: CertificateRequest, profile: Profile, admission: Admission) -> None:
    key = request.public_key
    if key.kind not in profile.keys:
        raise RequestRefused(
            "subjectPKInfo",
            f"A key of the kind {key.kind} is not accepted for a {profile.name} certificate.",
            f"Make a key of one of these kinds: {', '.join(sorted(profile.keys))}.",
        )
    low, high = profile.rsa_bits
    if key.kind == "RSA" and not low <= key.bits <= high:
        raise RequestRefused(
            "subjectPKInfo",
            f"An RSA key of {key.bits} bits is not accepted.",
            f"Make an RSA key of {low} to {high} bits, or an EC key on P-256.",
        )


def strong_key(request: CertificateRequest, profile: Profile, admission: Admission) -> None:
    if request.public_key.weakness is not None:
        raise RequestRefused(
            "subjectPKInfo",
            f"The key is weak: {request.public_key.weakness}.",
            "Make a new key with a current library and a good source of randomness.",
        )


def own_subject(request: CertificateRequest, profile: Profile, admission: Admission) -> None:
    ours = {admission.common_name, admission.holder, *admission.known_as}
    for attribute, value in request.subject:
        where = f"subject.{attribute}"
        if attribute not in profile.subject:
            raise RequestRefused(
                where,
                f"A {profile.name} certificate carries no {attribute} in its subject.",
                f"Use the subject CN={admission.common_name}, or an empty one.",
            )
        if value not in ours:
            raise RequestRefused(
                where,
                "The request names somebody other than the caller.",
                f"Use the subject CN={admission.common_name}, or an empty one.",
                detail=value,
            )
    if len(request.subject) > len({attribute for attribute, _ in request.subject}):
        raise RequestRefused(
            "subject.CN", "The subject repeats an attribute.", "Name the subject once."
        )


def own_names(request: CertificateRequest, profile: Profile, admission: Admission) -> None:
    for name in request.names:
        if _compared(name) not in admission.names:
            raise RequestRefused(
                "subjectAltName",
                f"The alternative name {name[:200]} is not registered for this caller.",
                "Leave subjectAltName out: the registered identifiers are added here.",
            )


def _compared(name: str) -> str:
    """RFC 5280 §7.2: names of hosts are compared without regard to case."""
    try:
        return names.canonical(name)
    except ValueError:
        return name


def canonical_names(written: Iterable[str], profile: Profile) -> tuple[str, ...]:
    """The names of an admission as the certificate will carry them, each once.

    Raises RequestRefused for a kind that the profile does not have, and for what is no name.
    """
    found: dict[str, None] = {}
    for name in written:
        kind = name.partition(":")[0]
        if kind not in profile.names:
            raise RequestRefused(
                "subjectAltName",
                f"A {profile.name} certificate carries no name of the kind {kind[:20]}.",
                f"Use {', '.join(sorted(profile.names)) or 'none at all'}.",
            )
        try:
            found[names.canonical(name, wildcard=profile.wildcards)] = None
        except ValueError as error:
            raise RequestRefused(
                "subjectAltName",
                str(error),
                "Write names such as DNS:id.example.city, IP:192.0.2.1 or IP:2001:db8::1.",
            ) from None
    return tuple(found)


def no_authority(request: CertificateRequest, profile: Profile, admission: Admission) -> None:
    proposed = request.extensions.get(ExtensionOID.BASIC_CONSTRAINTS.dotted_string)
    if isinstance(proposed, x509.BasicConstraints) and proposed.ca:
        raise RequestRefused(
            "basicConstraints",
            "The request asks to become a certification authority.",
            "Leave basicConstraints out, or write CA:FALSE.",
        )


def fitting_usage(request: CertificateRequest, profile: Profile, admission: Admission) -> None:
    usage = request.extensions.get(ExtensionOID.KEY_USAGE.dotted_string)
    if isinstance(usage, x509.KeyUsage):
        extra = key_usages(usage) - profile.key_usage - STOCK_USAGES
        if extra:
            raise RequestRefused(
                "keyUsage",
                f"The request asks for the key usage {min(extra)}.",
                f"Leave keyUsage out, or ask for {', '.join(sorted(profile.key_usage))} only.",
            )
    extended = request.extensions.get(ExtensionOID.EXTENDED_KEY_USAGE.dotted_string)
    if isinstance(extended, x509.ExtendedKeyUsage):
        for oid in extended:
            if oid.dotted_string not in profile.extended_key_usage_oids:
                raise RequestRefused(
                    "extKeyUsage",
                    f"The request asks for the extended key usage {oid.dotted_string}.",
                    f"Leave it out, or ask for {', '.join(profile.extended_key_usage)} only.",
                )


_MAY_PROPOSE = frozenset(
    oid.dotted_string
    for oid in (
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    )
)


def no_smuggling(request: CertificateRequest, profile: Profile, admission: Admission) -> None:
    for oid in request.extensions:
        if oid not in _MAY_PROPOSE:
            raise RequestRefused(
                called(oid),
                f"The request carries the extension {oid}, which a request may not propose.",
                "Leave the extension out.",
            )
    for oid in request.attributes:
        if oid not in _ASK_FOR_NOTHING:
            reason, next_step = _ATTRIBUTES.get(oid, _UNUSED)
            raise RequestRefused(f"attributes.{oid}", reason, next_step)


_UNUSED = ("The request carries an attribute that is not used here.", "Leave the attribute out.")
_BEYOND_TLS = (
    "Encrypting a key that is made here beyond TLS is not offered (RFC 7030 §4.4.1).",
    "Leave the attribute out, and take the key inside TLS; or make the key on the device.",
)
_OTHER_LINK = (
    "Of the ways to link a request to its connection only challengePassword is used here.",
    "Put the base64 of tls-unique in challengePassword (RFC 7030 §3.5).",
)
_ATTRIBUTES = {
    "1.2.840.113549.1.9.16.2.37": _BEYOND_TLS,  # decryptKeyID
    "1.2.840.113549.1.9.16.2.54": _BEYOND_TLS,  # asymmDecryptKeyID
    "1.2.840.113549.1.9.16.2.56": _OTHER_LINK,  # otpChallenge, RFC 7894
    "1.2.840.113549.1.9.16.2.58": _OTHER_LINK,  # estIdentityLinking, RFC 7894
}
# They tell of the program that wrote the request, or are a note to its own keeper.
_ASK_FOR_NOTHING = {
    CHALLENGE_PASSWORD: "challengePassword",  # here none of EST any more, see `linking`
    "1.2.840.113549.1.9.2": "unstructuredName",
    "1.2.840.113549.1.9.8": "unstructuredAddress",
    "1.2.840.113549.1.9.13": "signingDescription",
    "1.2.840.113549.1.9.20": "friendlyName",
    "1.2.840.113549.1.9.21": "localKeyId",
    "1.3.6.1.4.1.311.13.2.2": "enrollmentCSP",
    "1.3.6.1.4.1.311.13.2.3": "osVersion",
    "1.3.6.1.4.1.311.17.1": "localKeyProvider",
    "1.3.6.1.4.1.311.21.20": "requestClientInfo",
}


CHECKS = (
    known_key, strong_key, own_subject, own_names, no_authority, fitting_usage, no_smuggling,
)  # fmt: skip


def check(request: CertificateRequest, profile: Profile, admission: Admission) -> None:
    """Every check in order. Raises RequestRefused for the first field that does not fit."""
    for one in CHECKS:
        one(request, profile, admission)


def key_usages(usage: x509.KeyUsage) -> frozenset[str]:
    """The set bits of a KeyUsage extension, by their names in `profile.KEY_USAGES`."""
    return frozenset(
        name
        for name in KEY_USAGES
        # encipherOnly and decipherOnly have a meaning only beside keyAgreement (§4.2.1.3).
        if (usage.key_agreement or name not in ("encipher_only", "decipher_only"))
        and getattr(usage, name)
    )


def left_out(request: CertificateRequest, profile: Profile) -> tuple[str, ...]:
    """What a request that passes `check` carries, and the certificate does not: fields by name."""
    return tuple(sorted(set(_left_out(request, profile))))


def _left_out(request: CertificateRequest, profile: Profile) -> Iterator[str]:
    for oid in request.attributes:
        yield f"attributes.{_ASK_FOR_NOTHING.get(oid, oid)}"
    for oid, value in request.extensions.items():
        if isinstance(value, x509.KeyUsage):
            yield from (f"keyUsage.{usage}" for usage in key_usages(value) - profile.key_usage)
        elif isinstance(value, x509.SubjectKeyIdentifier) and value.digest != key_identifier(
            request.public_key.der
        ):
            yield called(oid)
