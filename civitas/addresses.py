"""The sockets that a process listens on, alone or beside others on the same addresses.

Several workers have a socket each for every TCP address (SO_REUSEPORT, socket(7)): the kernel deals
new connections out by a hash of both ends, about evenly. On one socket whoever wakes first takes a
whole burst, and a proxy's connections, which stay, would leave the others idle. What has its own
socket also leaves nothing behind when it dies: from then on nobody is sent there. A Unix socket
cannot be had several times; its workers share one.
"""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

from foundation.settings import Server, Settings, SettingsError

BACKLOG = 2048
_ACCEPTS = 8


class Held:
    """Addresses that a parent keeps for its workers, without listening there itself."""

    def __init__(self, server: Server, settings: Settings) -> None:
        """Raises SettingsError when one of them is taken."""
        self._kept: list[socket.socket] = []
        for address in (server.listen, server.tls_listen, server.linking_listen):
            if address:
                # Beside sockets that share it, as we do, one more is let in: is anybody there?
                with closing(bound(address)) as probe:
                    probe.listen()
                self._kept.append(bound(address, shared=True))
        self.unix = bound_unix(settings.resolve(server.unix_socket)) if server.unix_socket else None


def bound(address: str, *, shared: bool = False) -> socket.socket:
    """A socket at host:port that does not listen yet. Raises SettingsError."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        made.bind((host, int(port)))
    except (OSError, ValueError, OverflowError) as error:
        made.close()
        raise SettingsError(
            f"[server] cannot listen on {address} ({error}); stop what listens there, or write "
            "another host:port."
        ) from None
    return made


def bound_unix(path: Path) -> socket.socket:
    """A Unix socket that does not listen yet. Raises SettingsError."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        made.bind(str(path))
        path.chmod(0o660)  # the proxy's group may write; nobody else
    except OSError as error:
        made.close()
        raise SettingsError(
            f"[server] cannot listen on the Unix socket {path} ({error}); make its folder "
            "writable for this user."
        ) from None
    return made


def listening(made: socket.socket) -> socket.socket:
    made.listen(BACKLOG)
    made.setblocking(False)
    return made


def several(listener: socket.socket) -> list[socket.socket]:
    """libuv takes one connection of each socket in a round of its loop: who comes behind hundreds
    would wait for as many rounds. So the same socket is listened to several times."""
    return [listener, *(listener.dup() for _ in range(_ACCEPTS - 1))]
