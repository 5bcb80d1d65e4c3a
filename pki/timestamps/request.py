"""A request for a time stamp, read strictly — RFC 3161 §2.4.1."""

from __future__ import annotations

from dataclasses import dataclass

from pki.x509 import der
from pki.x509.der import Element, NotDer

MOST_OCTETS = 4096
"""Of a request: a digest and a number need a hundred."""
_MOST_NONCE = 64
# What a stamp may be over: digests that nobody can make two documents for.
_SIZES = {
    "2.16.840.1.101.3.4.2.1": 32,  # SHA-256
    "2.16.840.1.101.3.4.2.2": 48,  # SHA-384
    "2.16.840.1.101.3.4.2.3": 64,  # SHA-512
    "2.16.840.1.101.3.4.2.6": 32,  # SHA-512/256
    "2.16.840.1.101.3.4.2.8": 32,  # SHA3-256
    "2.16.840.1.101.3.4.2.9": 48,  # SHA3-384
    "2.16.840.1.101.3.4.2.10": 64,  # SHA3-512
}
_FAILURES = {
    "badAlg": 0,
    "badRequest": 2,
    "badDataFormat": 5,
    "timeNotAvailable": 14,
    "unacceptedPolicy": 15,
    "unacceptedExtension": 16,
    "addInfoNotAvailable": 17,
    "systemFailure": 25,
}
_NULL = b"\x05\x00"
_EXTENSIONS = 0xA0


class Refused(Exception):
    """No stamp is given; `failure` is the bit of PKIFailureInfo (§2.4.2) that says why."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name
        self.failure = _FAILURES[name]
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Imprint:
    """What is stamped: `der` is the MessageImprint as it was asked for."""

    algorithm: str
    digest: bytes
    der: bytes


@dataclass(frozen=True, slots=True)
class StampRequest:
    """`nonce` is the INTEGER as it was sent, DER; empty: none. `policy` None: ours will do."""

    imprint: Imprint
    policy: str | None = None
    nonce: bytes = b""
    wants_certificate: bool = False


def parse(body: bytes) -> StampRequest:
    """The request in `body`, DER. Raises Refused."""
    try:
        return _parse(body)
    except NotDer as error:
        raise Refused("badDataFormat", f"This is no time-stamp request: {error}.") from None


def imprint(algorithm: str, digest: bytes) -> Imprint:
    """The imprint of a digest, by the OID of its algorithm. Raises Refused."""
    written = der.sequence(der.sequence(der.oid(algorithm), _NULL), der.octets(digest))
    return _checked(Imprint(algorithm, digest, written))


def _parse(body: bytes) -> StampRequest:
    parts = list(der.elements(body, *der.only(body, der.SEQUENCE)))
    if len(parts) < 2:
        raise NotDer("it has too few parts")
    version, asked, *rest = parts
    if body[version[1] : version[3]] != der.integer(1):
        raise Refused("badDataFormat", "The version of the request is not 1.")
    found = StampRequest(_checked(_imprint(body, asked)))
    return _with_options(body, found, rest)


def _imprint(body: bytes, element: Element) -> Imprint:
    tag, at, begin, end = element
    parts = list(der.elements(body, begin, end)) if tag == der.SEQUENCE else []
    if [part[0] for part in parts] != [der.SEQUENCE, der.OCTETS]:
        raise NotDer("its messageImprint is none")
    algorithm, digest = parts
    named = list(der.elements(body, algorithm[2], algorithm[3]))
    if not named or named[0][0] != der.OID:
        raise NotDer("its messageImprint names no algorithm")
    parameters = body[named[0][3] : algorithm[3]]
    if parameters not in (b"", _NULL):
        raise Refused("badAlg", "The hash algorithm has parameters that it does not take.")
    dotted = der.dotted(body[named[0][2] : named[0][3]])
    return Imprint(dotted, body[digest[2] : digest[3]], body[at:end])


def _checked(asked: Imprint) -> Imprint:
    size = _SIZES.get(asked.algorithm)
    if size is None:
        raise Refused(
            "badAlg", "The hash algorithm is not accepted: use SHA-256, SHA-384, SHA-512 or SHA-3."
        )
    # §2.4.1: a hash of another length is no hash of this algorithm.
    if len(asked.digest) != size:
        raise Refused("badDataFormat", f"A hash of this algorithm has {size} octets.")
    return asked


def _with_options(body: bytes, found: StampRequest, rest: list[Element]) -> StampRequest:
    policy, nonce, certificate = None, b"", False
    # Each may be there once, in this order.
    if rest and rest[0][0] == der.OID:
        policy = der.dotted(body[rest[0][2] : rest[0][3]])
        rest = rest[1:]
    if rest and rest[0][0] == der.INTEGER:
        _, at, begin, end = rest[0]
        if not 1 <= end - begin <= _MOST_NONCE:
            raise Refused("badRequest", f"A nonce has 1 to {_MOST_NONCE} octets.")
        nonce, rest = body[at:end], rest[1:]
    if rest and rest[0][0] == der.BOOLEAN:
        if rest[0][3] - rest[0][2] != 1:
            raise NotDer("its certReq is no BOOLEAN")
        certificate, rest = body[rest[0][2]] != 0, rest[1:]
    if rest and rest[0][0] == _EXTENSIONS:
        # §2.4.1: one that is not understood, critical or not, is refused.
        raise Refused("unacceptedExtension", "No extension of a request is understood here.")
    if rest:
        raise NotDer("it has parts that it should not have")
    return StampRequest(found.imprint, policy, nonce, certificate)
