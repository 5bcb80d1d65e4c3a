"""The certificate of a TLS listener: read, read again, and never by memory that runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL

from civitas.tls import UNUSABLE, TlsListener
from foundation.settings import SettingsError
from tests.unit.civitas.test_server import certificate


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    certificate(tmp_path)
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def _shown(listener: TlsListener) -> bytes:
    """The certificate that the next connection gets."""
    connection = listener.accept()
    found: Any = connection.get_certificate(as_cryptography=True)
    return bytes(found.tbs_certificate_bytes)


def _touched(files: tuple[Path, Path], seconds: int) -> None:
    for file in files:
        later = file.stat().st_mtime + seconds
        os.utime(file, (later, later))


def test_a_renewed_certificate_is_taken_up_and_half_of_one_is_not(
    files: tuple[Path, Path],
) -> None:
    listener = TlsListener(*files)
    first, key = _shown(listener), files[1].read_bytes()
    assert not listener.read_again(), "nothing changed"
    certificate(files[0].parent)
    _touched(files, 5)
    whole = files[1].read_bytes()
    for half in (b"", whole[: len(whole) // 2], key):
        files[1].write_bytes(half)
        _touched(files, 10)
        with pytest.raises(UNUSABLE):
            listener.read_again()
        assert _shown(listener) == first, "it goes on with the old one"
    files[1].write_bytes(whole)
    _touched(files, 15)
    assert listener.read_again()
    assert _shown(listener) != first
    files[1].unlink()
    assert not listener.read_again()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "is missing; make it with `civitas init`"),
        (b"no key", "cannot be used"),
        (
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "cannot be used",
        ),
    ],
    ids=["missing", "no PEM", "encrypted"],
)
@pytest.mark.parametrize("which", [0, 1])
def test_files_that_cannot_be_used_stop_the_start_with_a_sentence(
    files: tuple[Path, Path], which: int, written: bytes | None, said: str
) -> None:
    if written is None:
        files[which].unlink()
    else:
        files[which].write_bytes(written)
    with pytest.raises(SettingsError, match=said):
        TlsListener(*files)


def test_it_needs_no_memory_that_can_be_written_and_run(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Our systemd unit denies it (MemoryDenyWriteExecute): callbacks of cffi would end the start.
    class Denied:
        def __getattr__(self, name: str) -> Any:
            if name == "callback":
                raise MemoryError
            return getattr(_ffi, name)

    _ffi = SSL._ffi  # type: ignore[attr-defined]
    monkeypatch.setattr(SSL, "_ffi", Denied())
    with pytest.raises(MemoryError):
        SSL.Context(SSL.TLS_METHOD).set_verify(SSL.VERIFY_PEER, lambda *_: True)
    TlsListener(*files, linking=True)
    assert TlsListener(*files).accept() is not None


@pytest.mark.row("devices", "5.5")
def test_it_is_the_version_that_is_refused_not_the_cipher_only(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = b"ALL:@SECLEVEL=0"
    monkeypatch.setattr("civitas.tls.CIPHERS", everything)
    old = SSL.Context(SSL.TLS_CLIENT_METHOD)
    old.set_cipher_list(everything)
    old.set_max_proto_version(SSL.TLS1_1_VERSION)
    client, server = SSL.Connection(old, None), TlsListener(*files).accept()
    client.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    server.bio_write(client.bio_read(65_536))
    with pytest.raises(SSL.Error, match="unsupported protocol"):
        server.do_handshake()
