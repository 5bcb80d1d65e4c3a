"""What our TLS listeners speak, and to whom: everybody who holds a key — RFC 8446, RFC 5246.

A certificate that nobody here vouches for (expired, foreign, self-signed) is no reason to hang up:
who relies on it validates it, and says what is wrong with it in words. TLS proves that the caller
holds its key, no more. Python's `ssl` cannot be told so; pyOpenSSL can.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL, crypto
from OpenSSL._util import ffi, lib

from foundation.settings import SettingsError

CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2, what agrees on a key of its own each time; TLS 1.3 has nothing else."""


UNUSABLE = (SSL.Error, OSError, ValueError, TypeError, UnsupportedAlgorithm)
"""What can be wrong with a certificate and its key."""
_Verdict = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
_WHOEVER = _Verdict(lambda good, store: 1)


class TlsListener:
    """The certificate of one listener, and the rules under which connections to it are made.

    `asks` for a certificate, and demands none. `linking` stops at TLS 1.2, the last one that has
    `tls-unique` (RFC 7030 §3.5). There no connection takes up an earlier one: after a resumption
    `tls-unique` may be one that somebody in the middle arranged (RFC 7627 §1).
    """

    def __init__(
        self, certificate: Path, key: Path, *, linking: bool = False, asks: bool = True
    ) -> None:
        """Raises SettingsError, a sentence that says what to do about the files."""
        self.linking, self._asks = linking, asks
        self._files = certificate, key
        self._seen = self._written()
        try:
            self._context = self._fresh()
        except FileNotFoundError:
            named = "tls_key" if certificate.exists() else "tls_certificate"
            raise SettingsError(
                f"[server] {named} {key if named == 'tls_key' else certificate} is missing; make "
                "it with `civitas init`, or name yours."
            ) from None
        except UNUSABLE as error:
            raise SettingsError(
                f"[server] tls_certificate {certificate} and tls_key {key} cannot be used: "
                f"{_why(certificate, key, error)}."
            ) from None

    def read_again(self) -> bool:
        """Whether the files changed: then new connections get what they hold now. Raises one of
        UNUSABLE, and goes on as before, when that cannot be used."""
        written = self._written()
        if written == self._seen or None in written:
            return False
        self._context = self._fresh()
        self._seen = written
        return True

    def _written(self) -> tuple[int | None, ...]:
        return tuple(f.stat().st_mtime_ns if f.exists() else None for f in self._files)

    def accept(self) -> SSL.Connection:
        """The server's end of a new connection, over memory."""
        connection = SSL.Connection(self._context, None)
        connection.set_accept_state()
        return connection

    def _fresh(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_cipher_list(CIPHERS)
        context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_session_id(b"civitas")
        if self.linking:
            context.set_max_proto_version(SSL.TLS1_2_VERSION)
            context.set_options(SSL.OP_NO_TICKET)
            context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        _load(context, *self._files)
        if self._asks:
            _ask_for_a_certificate(context)
        return context


def _load(context: SSL.Context, certificate: Path, key: Path) -> None:
    certificate.open("rb").close()  # OpenSSL would not say that it is not there
    context.use_certificate_chain_file(certificate)
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    context.use_privatekey(loaded)  # type: ignore[arg-type]
    context.check_privatekey()


def _why(certificate: Path, key: Path, error: Exception) -> str:
    """Which of the two is at fault: OpenSSL's own words are for those who know its insides."""
    if isinstance(error, OSError):
        return f"{error.strerror}; give this user the right to read them"
    try:
        x509.load_pem_x509_certificates(certificate.read_bytes())
    except ValueError:
        return "the first holds no PEM certificate; write a chain, your own certificate first"
    try:
        serialization.load_pem_private_key(key.read_bytes(), None)
    except TypeError:
        return "the key is locked with a password; write it without one, readable by this user only"
    except (ValueError, UnsupportedAlgorithm):
        return "the second holds no PEM private key; write the certificate's own"
    return "the key is not that of the first certificate; write the two that belong together"


def _ask_for_a_certificate(context: SSL.Context) -> None:
    """What `Context.set_verify` does with a callback that agrees to everything. Its own way makes
    memory that can be written and executed, which our systemd unit denies (MemoryDenyWriteExecute).
    """
    address = ctypes.cast(_WHOEVER, ctypes.c_void_p).value
    whoever = ffi.cast("int (*)(int, X509_STORE_CTX *)", address)
    lib.SSL_CTX_set_verify(context._context, SSL.VERIFY_PEER, whoever)
    # There is no anchor, so no path: nothing that strangers send is followed any further.
    context.set_verify_depth(0)


def client_certificate(connection: SSL.Connection) -> bytes | None:
    """DER of the certificate whose key the client proved to hold; nobody validated it."""
    certificate = connection.get_peer_certificate()
    return crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) if certificate else None


def tls_unique(connection: SSL.Connection) -> bytes | None:
    """RFC 5929 §3: the first Finished message of a full handshake is the client's."""
    return connection.get_peer_finished()
