"""A small witness of our own, after C2SP tlog-witness and tlog-cosignature, sharing nothing with
the log that it watches: it checks with its own reading of RFC 6962 §2.1.2."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> bool:
    """RFC 6962 §2.1.2, recursively as it is written there."""
    rest = list(proof)

    def walk(m: int, n: int, whole: bool) -> tuple[bytes, bytes]:
        if m == n:
            found = old_root if whole else rest.pop(0)
            return found, found
        k = 1 << ((n - 1).bit_length() - 1)
        if m <= k:
            before, after = walk(m, k, whole)
            return before, _node(after, rest.pop(0))
        before, after = walk(m - k, n - k, False)
        left = rest.pop(0)
        return _node(left, before), _node(left, after)

    try:
        before, after = walk(old, new, True)
    except IndexError:
        return False
    return not rest and before == old_root and after == new_root


class Witness:
    """Its state, and how it shall behave badly, for tests to set."""

    def __init__(self, name: str, log_key: str) -> None:
        self.name = name
        self.key = Ed25519PrivateKey.generate()
        self.origin, _, encoded = log_key.partition("+")
        self.log_key = base64.b64decode(encoded.partition("+")[2])[1:]
        self.size, self.root = 0, hashlib.sha256(b"").digest()
        self.time = 1_772_442_000
        self.answers_instead: tuple[int, bytes] | None = None
        self.requests: list[str] = []
        self.url = ""

    @property
    def verifier_key(self) -> str:
        raw = b"\x04" + self.key.public_key().public_bytes_raw()
        key_id = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        return f"{self.name}+{key_id.hex()}+{base64.b64encode(raw).decode()}"

    def add_checkpoint(self, body: str) -> tuple[int, bytes]:
        self.requests.append(body)
        if self.answers_instead is not None:
            return self.answers_instead
        head, _, note = body.partition("\n\n")
        first, *proof = head.split("\n")
        text, _, signatures = note.rpartition("\n\n")
        origin, size, root = text.split("\n")[:3]
        if origin != self.origin:
            return 404, b""
        if not self._signed(text + "\n", signatures):
            return 403, b""
        old, new, new_root = int(first.removeprefix("old ")), int(size), base64.b64decode(root)
        if old > new:
            return 400, b""
        if old != self.size:
            return 409, f"{self.size}\n".encode()
        hashes = [base64.b64decode(line) for line in proof]
        if old == 0 and hashes:
            return 422, b""
        if old and not consistent(old, new, self.root, new_root, hashes):
            return 422, b""
        self.size, self.root = new, new_root
        return 200, self.cosign(text + "\n")

    def cosign(self, text: str) -> bytes:
        said = f"cosignature/v1\ntime {self.time}\n{text}".encode()
        key_id = bytes.fromhex(self.verifier_key.split("+")[1])
        raw = key_id + self.time.to_bytes(8, "big") + self.key.sign(said)
        return f"— {self.name} {base64.b64encode(raw).decode()}\n".encode()

    def _signed(self, text: str, signatures: str) -> bool:
        for line in signatures.splitlines():
            raw = base64.b64decode(line.rpartition(" ")[2])
            try:
                Ed25519PublicKey.from_public_bytes(self.log_key).verify(raw[4:], text.encode())
            except InvalidSignature:
                continue
            return True
        return False


@contextmanager
def listening(witness: Witness) -> Iterator[Witness]:
    """The witness on a port of 127.0.0.1 that the system chose."""

    class Route(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, answer = (
                witness.add_checkpoint(body) if self.path == "/add-checkpoint" else (404, b"")
            )
            self.send_response(status)
            if status == 409:
                self.send_header("Content-Type", "text/x.tlog.size")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Route)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    witness.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield witness
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
