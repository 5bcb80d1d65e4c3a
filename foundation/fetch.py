"""Outbound HTTP that cannot be turned against our own network (SSRF) — RFC 6890.

Every address is checked after DNS resolution and after every redirect, and the connection is made
to the very address that was checked, so a second DNS answer changes nothing.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

from foundation import hosts
from foundation.event_loop import in_thread
from foundation.settings import Development, Settings, is_loopback

MOST_BYTES = 512 * 1024
MOST_REDIRECTS = 3
TIMEOUT = 5.0
"""Seconds for one whole exchange, from connecting to the last byte."""

Resolve = Callable[[str, int], Sequence[str]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Addresses that carry another address inside: the inner one decides (RFC 6052, 3056, 4380).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_REFUSED = tuple(
    ipaddress.ip_network(n)
    for n in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "64:ff9b:1::/48",
        "2001::/23",
        "fc00::/7",
        "fec0::/10",
    )
)


class FetchError(Exception):
    """A fetch without a usable answer; the message is a sentence without secrets."""


class FetchRefused(FetchError):
    """The URL, its address or a redirect is not one that we may contact."""


class FetchFailed(FetchError):
    """The other side did not answer, or answered what we do not accept.

    `status` is that of an answer that was not 200, None when there was no such answer.
    """

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer. `url` is the last one after redirects; `content_type` is without parameters."""

    url: str
    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Target:
    url: str
    parts: SplitResult
    host: str
    port: int
    addresses: tuple[str, ...]


class Fetch:
    """GET and POST to addresses of the public internet, by https.

    `signed`: what is fetched proves itself by a signature, as OCSP answers do, which come by http.
    `loopback_http` is `[development] loopback_http`: it admits http and https to this machine.
    `resolve(host, port)` gives the textual addresses; `tls` the trust for certificates.
    """

    def __init__(
        self,
        *,
        loopback_http: bool = False,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT,
        most_bytes: int = MOST_BYTES,
        signed: bool = False,
    ) -> None:
        self._signed = signed
        self._loopback = loopback_http
        self._resolve = resolve or _system_resolver
        self._tls = tls
        self._timeout = timeout
        self._most_bytes = most_bytes

    @classmethod
    def of(cls, settings: Settings, *, signed: bool = False) -> Fetch:
        return cls(loopback_http=settings.of(Development).loopback_http, signed=signed)

    def get(
        self, url: str, accept: Sequence[str], headers: Mapping[str, str] | None = None
    ) -> Fetched:
        """The answer 200 of `url` whose content type is one of `accept` (empty: any).

        Raises FetchRefused or FetchFailed. A header such as Authorization is sent to the first
        host only.
        """
        return in_thread(self._get, url, accept, dict(headers or {}))

    def _get(self, url: str, accept: Sequence[str], sent: dict[str, str]) -> Fetched:
        here = url
        for _ in range(MOST_REDIRECTS + 1):
            target = self._checked(here)
            status, fields, body = self._exchange(target, "GET", None, accept, sent)
            if status in (301, 302, 303, 307, 308):
                here = urljoin(target.url, fields.get("location", ""))
                if urlsplit(here).netloc != target.parts.netloc:
                    sent = {}
                continue
            if status != 200:
                raise FetchFailed(f"{here} answered {status}.", status)
            return Fetched(here, status, _accepted(here, fields, accept), body)
        raise FetchRefused(f"{url} redirects more than {MOST_REDIRECTS} times.")

    def post(self, url: str, form: Mapping[str, str], accept: Sequence[str]) -> Fetched:
        """Send `form` and return the answer of any status but a redirect, which is refused."""
        return self.send(url, urlencode(form).encode(), "application/x-www-form-urlencoded", accept)

    def send(
        self,
        url: str,
        body: bytes,
        content_type: str,
        accept: Sequence[str],
        headers: Mapping[str, str] | None = None,
    ) -> Fetched:
        """POST a body; the answer as of `post`."""
        sent = {**(headers or {}), "Content-Type": content_type}
        return in_thread(self._send, url, body, accept, sent)

    def _send(
        self, url: str, body: bytes, accept: Sequence[str], headers: Mapping[str, str]
    ) -> Fetched:
        target = self._checked(url)
        status, fields, answer = self._exchange(target, "POST", body, accept, headers)
        if 300 <= status < 400:
            raise FetchRefused(f"{url} redirects a POST, which is never followed.")
        return Fetched(url, status, _accepted(url, fields, accept), answer)

    def _checked(self, url: str) -> _Target:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise FetchRefused(f"{url!r} is not a URL.") from None
        host = (parts.hostname or "").rstrip(".")
        if not host or parts.username is not None or parts.password is not None:
            raise FetchRefused(f"{url!r} has no host, or a user name in it.")
        if any(c <= " " or c == "\x7f" for c in url):
            raise FetchRefused(f"{url!r} has a space or a control character.")
        local = self._loopback and is_loopback(f"//[{host}]" if ":" in host else f"//{host}")
        if parts.scheme != "https" and not ((local or self._signed) and parts.scheme == "http"):
            raise FetchRefused(f"{url} is not an https URL.")
        port = port or (443 if parts.scheme == "https" else 80)
        try:
            ascii_host = hosts.ascii_name(host)
            found = tuple(self._resolve(ascii_host, port))
        except (OSError, ValueError) as error:
            raise FetchFailed(f"{host} has no address.") from error
        if not found:
            raise FetchFailed(f"{host} has no address.")
        for text in found:
            address = ipaddress.ip_address(text.split("%")[0])
            if not (_is_public(address) or (local and address.is_loopback)):
                raise FetchRefused(f"{host} has the address {address}, which is not public.")
        return _Target(url, parts, ascii_host, port, found)

    def _exchange(
        self,
        target: _Target,
        method: str,
        body: bytes | None,
        accept: Sequence[str],
        headers: Mapping[str, str],
    ) -> tuple[int, Mapping[str, str], bytes]:
        connection = self._connect(target)
        # The socket's own timeout starts anew with every byte; the deadline does not.
        deadline = threading.Timer(self._timeout, _cut, (connection,))
        deadline.daemon = True
        deadline.start()
        path = (target.parts.path or "/") + (f"?{target.parts.query}" if target.parts.query else "")
        try:
            connection.request(
                method,
                path,
                body=body,
                headers={
                    "Accept": ", ".join(accept) or "*/*",
                    "Accept-Encoding": "identity",
                    "User-Agent": "civitas",
                    "Connection": "close",
                    **headers,
                },
            )
            response = connection.getresponse()
            content = response.read(self._most_bytes + 1)
            fields = {name.lower(): value for name, value in response.getheaders()}
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchFailed(f"{target.url} did not answer as HTTP within the time.") from error
        finally:
            deadline.cancel()
            connection.close()
        if len(content) > self._most_bytes:
            raise FetchFailed(f"{target.url} answers more than {self._most_bytes} bytes.")
        declared = fields.get("content-length", "")
        if declared.isdigit() and response.status == 200 and len(content) != int(declared):
            raise FetchFailed(f"{target.url} broke off in the middle of its answer.")
        return response.status, fields, content

    def _connect(self, target: _Target) -> http.client.HTTPConnection:
        last: Exception | None = None
        for address in target.addresses:
            try:
                raw = socket.create_connection((address, target.port), timeout=self._timeout)
            except OSError as error:
                last = error
                continue
            try:
                return self._over(raw, target)
            except OSError as error:  # includes ssl.SSLError
                raw.close()
                raise FetchFailed(f"{target.host} has no TLS certificate that we trust.") from error
        raise FetchFailed(f"{target.host} cannot be reached.") from last

    def _over(self, raw: socket.socket, target: _Target) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection
        if target.parts.scheme == "https":
            tls = self._tls or _default_tls()
            connection = http.client.HTTPSConnection(target.host, target.port, context=tls)
            connection.sock = tls.wrap_socket(raw, server_hostname=target.host)
        else:
            connection = http.client.HTTPConnection(target.host, target.port)
            connection.sock = raw
        return connection


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
    if any(address in network for network in _REFUSED if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _system_resolver(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _default_tls() -> ssl.SSLContext:
    tls = ssl.create_default_context()
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    return tls


def _cut(connection: http.client.HTTPConnection) -> None:
    held = connection.sock
    if held is not None:
        with suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)


def _accepted(url: str, fields: Mapping[str, str], accept: Sequence[str]) -> str:
    content_type = fields.get("content-type", "").split(";")[0].strip().lower()
    if accept and content_type not in accept:
        raise FetchFailed(f"{url} answers {content_type or 'without a type'}, not {accept[0]}.")
    return content_type
