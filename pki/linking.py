"""Linking a request to its TLS connection by challengePassword — RFC 7030 §3.5, RFC 5929 §3.

Whoever passes somebody else's request on speaks over a TLS connection of his own, whose
`tls-unique` is another one. TLS 1.3 has no `tls-unique` (RFC 8446 appendix C.5), so linking has a
listener of its own that stops at TLS 1.2. Elsewhere a challengePassword that could be a link is
refused, since it cannot be verified; any other one is a habit of the program that wrote it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass, replace

from foundation.settings import Server, Settings, SettingsError
from pki.ports import Caller
from pki.refusals import RequestRefused
from pki.requests.request import CHALLENGE_PASSWORD, CertificateRequest
from pki.settings import PkiSettings

_WHERE = "attributes.challengePassword"
_FINISHED = frozenset({12, 32, 36, 48})
"""Octets of a Finished message: of TLS 1.2, of TLS 1.3 by its two hashes, of SSL 3."""


@dataclass(frozen=True, slots=True)
class Linking:
    """What this deployment offers: the linking listener, if any, and whether linking is a must."""

    listener: str | None
    required: bool

    def check(self, request: CertificateRequest, caller: Caller) -> CertificateRequest:
        """The request, its linking checked and done with. Raises RequestRefused."""
        if not request.has_challenge_password:
            # A request for a key that is made here proves no possession that could be linked.
            if self.required and request.made_for is None:
                raise RequestRefused(
                    _WHERE,
                    "Requests must be linked to their TLS connection here (RFC 7030 §3.5).",
                    f"{self._where_to_go()}; put the base64 of tls-unique in challengePassword.",
                )
            return request
        if caller.tls_unique is None and not self.required and not _may_link(request):
            return request
        if caller.tls_unique is None:
            raise RequestRefused(
                _WHERE,
                "A challengePassword links a request to a TLS 1.2 connection, which this is not, "
                "or one that was resumed.",
                f"{self._where_to_go()}, or leave challengePassword out."
                if self.listener
                else "Leave challengePassword out: the token or certificate says who calls.",
            )
        expected = base64.b64encode(caller.tls_unique).decode()
        said = request.challenge_password or ""
        if not hmac.compare_digest(said.encode(), expected.encode()):
            raise RequestRefused(
                _WHERE,
                "The challengePassword is not the base64 of this connection's tls-unique.",
                "Make the request anew for each connection, after its TLS handshake.",
            )
        left = tuple(oid for oid in request.attributes if oid != CHALLENGE_PASSWORD)
        return replace(request, attributes=left)

    def _where_to_go(self) -> str:
        if self.listener is None:
            return "Ask the operator for a linking listener ([server] linking_listen)"
        return f"Connect anew, by TLS 1.2, to port {self.listener.rpartition(':')[2]}"


def _may_link(request: CertificateRequest) -> bool:
    try:
        said = base64.b64decode((request.challenge_password or "").encode(), validate=True)
    except binascii.Error:
        return False
    return len(said) in _FINISHED


def linking_of(settings: Settings) -> Linking:
    """As `[server] linking_listen` and `[pki] linking` say. Raises SettingsError."""
    listener = settings.of(Server).linking_listen
    required = settings.of(PkiSettings).linking == "required"
    if required and not listener:
        raise SettingsError(
            f'{settings.path}: [pki] linking = "required" needs [server] linking_listen = a '
            "host:port, where devices link their requests."
        )
    return Linking(listener or None, required)


NO_LINKING = Linking(listener=None, required=False)
