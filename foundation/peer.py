"""Who is at the other end: address and TLS client certificate — RFC 8705 §6, RFC 9440.

A header that names either counts only from a proxy listed in `[server] trusted_proxies`: an IP
address, or `unix` for whoever may write to our Unix socket. Of certificates only the one header
counts that `client_certificate_header` names: the proxy overwrites that one, a caller may write
the others. The certificate is checked again by whoever relies on it; here it is only parsed.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from urllib.parse import unquote

from cryptography import x509
from starlette.requests import Request

from foundation import networks
from foundation.errors import BadRequest


def _from_escaped_pem(value: str) -> x509.Certificate:
    """As nginx writes it: `proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert`."""
    return x509.load_pem_x509_certificate(unquote(value).encode())


def _from_byte_sequence(value: str) -> x509.Certificate:
    """DER in base64 between colons — RFC 9440 §2.1."""
    encoded = value.strip().removeprefix(":").removesuffix(":")
    return x509.load_der_x509_certificate(base64.b64decode(encoded, validate=True))


_CERTIFICATE_IN = {"X-SSL-Client-Cert": _from_escaped_pem, "Client-Cert": _from_byte_sequence}

# What proxies add to a request that they pass on: RFC 7239, RFC 9110 §7.6.3, and older custom.
_PASSED_ON = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
)


def _from_trusted_proxy(request: Request) -> bool:
    trusted: tuple[str, ...] = request.scope["civitas"].trusted_proxies
    if not trusted:
        return False
    client = request.scope.get("client")
    return ("unix" if not client or not client[0] else client[0]) in trusted


def client_address(request: Request) -> str:
    """The caller's IP address; behind a trusted proxy, the last that the proxy saw.

    A proxy may add its word to the caller's own header or in a header line below it: the last
    word of all lines is the proxy's.
    """
    client = request.scope.get("client")
    here = client[0] if client and client[0] else "unix"
    if not _from_trusted_proxy(request):
        return here
    return _forwarded_address(request) or here


def has_unknown_origin(request: Request) -> bool:
    """Whether somebody passed this request on and nobody whom we trust says for whom: then
    `client_address` is a proxy's, and a route for certain addresses stays shut."""
    if not any(header in request.headers for header in _PASSED_ON):
        return False
    return not (_from_trusted_proxy(request) and _forwarded_address(request))


def _forwarded_address(request: Request) -> str | None:
    last = ",".join(request.headers.getlist("x-forwarded-for")).rsplit(",", 1)[-1].strip()
    return last if _address(last) is not None else None


def client_network(request: Request) -> str:
    """What attempts are counted under: the address, or of IPv6 its /64, since whoever has one
    address there has all of them. What lies around it: `foundation/networks.py`."""
    return networks.narrowest(client_address(request))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    bare = text.partition("%")[0]
    try:
        return ipaddress.IPv6Address(bare) if ":" in bare else ipaddress.IPv4Address(bare)
    except ValueError:
        return None


def is_secure(request: Request) -> bool:
    """Whether the caller's own connection is TLS: to us, or to a trusted proxy."""
    if _from_trusted_proxy(request):
        return request.headers.getlist("x-forwarded-proto")[-1:] == ["https"]
    return bool(request.scope.get("scheme") == "https")


def tls_unique(request: Request) -> bytes | None:
    """What names the caller's own TLS connection to our linking listener (RFC 5929 §3), or None:
    elsewhere it is undefined, or known to a proxy only."""
    found: bytes | None = request.scope.get("extensions", {}).get("tls", {}).get("tls_unique")
    return found


def client_certificate(request: Request) -> x509.Certificate | None:
    """The certificate whose key the caller proved to hold in TLS, or None. Not yet validated.

    Raises BadRequest when a trusted proxy hands in something that is no certificate.
    """
    if "civitas.client_certificate" not in request.scope:
        request.scope["civitas.client_certificate"] = _find_certificate(request)
    found: x509.Certificate | None = request.scope["civitas.client_certificate"]
    return found


def _find_certificate(request: Request) -> x509.Certificate | None:
    try:
        der = request.scope.get("extensions", {}).get("tls", {}).get("client_cert_der")
        if der:
            return x509.load_der_x509_certificate(der)
        header: str | None = request.scope["civitas"].client_certificate_header
        if header is None or not _from_trusted_proxy(request):
            return None
        lines = request.headers.getlist(header)
        if len(lines) > 1:
            # A proxy that adds where it should overwrite: one of the lines is the caller's.
            raise ValueError(f"{header} stands {len(lines)} times")
        if lines and lines[0]:
            return _CERTIFICATE_IN[header](lines[0])
    except (ValueError, binascii.Error, x509.InvalidVersion) as error:
        raise BadRequest(
            "The client certificate cannot be read.",
            where="client certificate",
            next_step="Send an X.509 certificate that a strict DER parser accepts.",
            detail=str(error),
        ) from None
    return None
