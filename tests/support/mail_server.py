"""A mail server that keeps what it takes — RFC 5321, as far as a submission needs it."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class MailServer:
    """Listens on a port of its own. `refuses`: code of the answer to every recipient, if any."""

    port: int = 0
    refuses: int | None = None
    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)


@contextmanager
def running() -> Iterator[MailServer]:
    kept = MailServer()

    class Conversation(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        def handle(self) -> None:
            recipient = ""
            self.say("220 mail.test")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"RCPT" and kept.refuses is not None:
                    self.say(f"{kept.refuses} no mail for {line.decode().strip()}")
                elif word == b"RCPT":
                    recipient = line.decode().partition("<")[2].partition(">")[0]
                    self.say("250 ok")
                elif word == b"DATA":
                    self.say("354 go on")
                    content = b""
                    while (part := self.rfile.readline()) not in (b".\r\n", b""):
                        content += part.removeprefix(b".") if part.startswith(b"..") else part
                    message = message_from_bytes(content, policy=policy.default)
                    kept.taken.append((recipient, message))
                    self.say("250 ok")
                elif word == b"QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        server.daemon_threads = True
        kept.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()
