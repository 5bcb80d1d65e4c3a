"""TLS in which no connection takes up an earlier one — RFC 7030 §3.5, RFC 7627 §1.

After a resumption `tls-unique` may be one that somebody in the middle arranged (the triple
handshake). Where requests are linked to it, each connection begins anew. Python cannot switch the
session store off, so each connection gets a store of its own.
"""

from __future__ import annotations

import ssl
from typing import Any


class Unresumed(ssl.SSLContext):
    """A server's context of which each connection gets a fresh copy."""

    _pair: tuple[Any, Any] = (None, None)

    def load_cert_chain(self, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
        super().load_cert_chain(certfile, keyfile, password)
        self._pair = certfile, keyfile

    def wrap_bio(self, *buffers: Any, **options: Any) -> ssl.SSLObject:
        return self._fresh().wrap_bio(*buffers, **options)

    def _fresh(self) -> ssl.SSLContext:
        fresh = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        fresh.minimum_version, fresh.maximum_version = self.minimum_version, self.maximum_version
        fresh.options = self.options
        fresh.set_ciphers(":".join(cipher["name"] for cipher in self.get_ciphers()))
        fresh.load_cert_chain(*self._pair)
        anchors = self.get_ca_certs(binary_form=True)
        if anchors:
            fresh.load_verify_locations(cadata=b"".join(anchors))
        fresh.verify_mode = self.verify_mode
        fresh.verify_flags = self.verify_flags
        return fresh
