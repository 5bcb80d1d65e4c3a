"""What a request should contain, as ASN.1 — RFC 7030 §4.5.2, RFC 8951 §3.5, RFC 9908 §3.

Two answers in one (RFC 9908 §3.4): for old clients the kind of key and the way to sign, and for
those that know it a template, which they use instead. Either is advice: what the profile accepts
beside the first choice that is named here is accepted all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asn1crypto import core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.x509.oid import AttributeOID, NameOID

from pki.ports import Admission
from pki.profiles.profile import KEY_USAGES, Profile
from pki.x509 import names

TEMPLATE = "1.2.840.113549.1.9.16.2.61"
EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
# By preference: the kind of key, its algorithm, the algorithm's parameter, a signature with it.
_FIRST_CHOICES = (
    ("EC-secp256r1", _EC_PUBLIC_KEY, "1.2.840.10045.3.1.7", "1.2.840.10045.4.3.2"),
    ("EC-secp384r1", _EC_PUBLIC_KEY, "1.3.132.0.34", "1.2.840.10045.4.3.3"),
    ("Ed25519", "1.3.101.112", None, None),
    ("ML-DSA-65", "2.16.840.1.101.3.4.3.18", None, None),
)


class _Values(core.SetOf):  # type: ignore[misc]
    _child_spec = core.Any


class _Attribute(core.Sequence):  # type: ignore[misc]
    _fields = [("type", core.ObjectIdentifier), ("values", _Values)]  # noqa: RUF012


class _Attributes(core.SetOf):  # type: ignore[misc]
    _child_spec = _Attribute


class _AttrOrOid(core.Choice):  # type: ignore[misc]
    _alternatives = [("oid", core.ObjectIdentifier), ("attribute", _Attribute)]  # noqa: RUF012


class _CsrAttrs(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _AttrOrOid


class _KeyAlgorithm(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("algorithm", core.ObjectIdentifier),
        ("parameters", core.ObjectIdentifier, {"optional": True}),
    ]


class _KeyTemplate(core.Sequence):  # type: ignore[misc]
    # The key itself stays out: RFC 9908 §3.4 has a place for it, for the size of RSA keys only.
    _fields = [("algorithm", _KeyAlgorithm)]  # noqa: RUF012


class _NameValue(core.Sequence):  # type: ignore[misc]
    _fields = [("type", core.ObjectIdentifier), ("value", core.UTF8String)]  # noqa: RUF012


class _NameValues(core.SetOf):  # type: ignore[misc]
    _child_spec = _NameValue


class _Name(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _NameValues


class _Template(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("version", core.Integer),
        ("subject", _Name, {"optional": True}),
        ("subject_pk_info", _KeyTemplate, {"implicit": 0, "optional": True}),
        ("attributes", _Attributes, {"implicit": 1}),
    ]


def csr_attributes(profile: Profile, caller: Admission | None, *, link: bool) -> bytes:
    """DER of what we would like to see. `caller` is who asks, if that is known: then the template
    holds its name; `link` asks for the link to the TLS connection (RFC 7030 §3.5).
    """
    _, key, parameter, signature = next(c for c in _FIRST_CHOICES if c[0] in profile.keys)
    # RFC 9908 §3.2: one attribute, whose type says the kind of key.
    values = [core.ObjectIdentifier(parameter)] if parameter else []
    wanted: list[Any] = [_attribute(key, values)]
    wanted += [_AttrOrOid("oid", signature)] if signature else []
    wanted += [_AttrOrOid("oid", AttributeOID.CHALLENGE_PASSWORD.dotted_string)] if link else []
    wanted.append(_attribute(TEMPLATE, [_template(profile, key, parameter, caller, link=link)]))
    return bytes(_CsrAttrs(wanted).dump())


def _attribute(oid: str, values: Sequence[Any]) -> _AttrOrOid:
    return _AttrOrOid("attribute", {"type": oid, "values": list(values)})


def _extension(value: x509.ExtensionType, *, critical: bool) -> asn1_x509.Extension:
    return asn1_x509.Extension(
        {
            "extn_id": value.oid.dotted_string,
            "critical": critical,
            "extn_value": core.ParsableOctetString(value.public_bytes()),
        }
    )


def _template(
    profile: Profile, key: str, parameter: str | None, caller: Admission | None, *, link: bool
) -> _Template:
    algorithm = {"algorithm": key} | ({"parameters": parameter} if parameter else {})
    usage = x509.KeyUsage(**{usage: usage in profile.key_usage for usage in KEY_USAGES})
    extensions = [_extension(usage, critical=True)]
    if caller is not None and caller.names:
        extensions.append(_extension(names.alternative_names(caller.names), critical=False))
    attributes: list[Any] = [
        {"type": EXTENSION_REQUEST, "values": [asn1_x509.Extensions(extensions)]}
    ]
    if link:
        oid = AttributeOID.CHALLENGE_PASSWORD.dotted_string
        attributes.append({"type": oid, "values": []})
    fields: dict[str, Any] = {
        "version": 0,
        "subject_pk_info": {"algorithm": algorithm},
        "attributes": attributes,
    }
    if caller is not None:
        name = {"type": NameOID.COMMON_NAME.dotted_string, "value": caller.common_name}
        fields["subject"] = [[name]]
    return _Template(fields)
