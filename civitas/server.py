"""Serve one application on several listeners, with TLS client certificates — RFC 8446, RFC 8705.

What one connection may do, and how its client certificate reaches the application, is in
`civitas/connection.py`.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from civitas import memory
from civitas.connection import Config, Connection
from civitas.connections import Connections
from civitas.unresumed import Unresumed
from foundation.limits import Limits
from foundation.settings import Server, Settings, SettingsError

OnReady = Callable[[], None]
Anchors = Callable[[], list[bytes]]
"""PEM certificates of the authorities whose clients may come; asked again now and then."""
RELOAD_SECONDS = 30
_FILES_OF_OURS = 128
_ACCEPTS = 8
log = logging.getLogger("civitas.server")


class _Listener(uvicorn.Server):
    """One uvicorn server among several; the process's signals are handled once, by `serve`."""

    def install_signal_handlers(self) -> None: ...

    def capture_signals(self) -> Any:
        from contextlib import nullcontext

        return nullcontext()


def tls_context(
    certificate: Path, key: Path, anchors: Sequence[bytes], *, linking: bool = False
) -> ssl.SSLContext:
    """TLS 1.2 or newer, forward secrecy only; a client certificate is asked for, not demanded.

    Whoever relies on a client certificate validates it again. `anchors`: PEM certificates.
    `linking` stops at TLS 1.2, the last one that has `tls-unique` (RFC 7030 §3.5).
    """
    context = (Unresumed if linking else ssl.SSLContext)(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    if linking:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_TICKET
    try:
        context.load_cert_chain(certificate, key)
    except FileNotFoundError:
        raise SettingsError(
            f"[server] tls_certificate {certificate} or tls_key {key} is missing; make them with "
            "`civitas init`, or name yours."
        ) from None
    except (ssl.SSLError, PermissionError) as error:
        raise SettingsError(
            f"[server] tls_certificate and tls_key cannot be used ({error}); write a PEM chain "
            "and its private key, readable by this user."
        ) from None
    _trust(context, anchors)
    return context


def _trust(context: ssl.SSLContext, anchors: Sequence[bytes]) -> None:
    """Ask for certificates of these; of nobody's where none is there, as before a ceremony."""
    there = [pem for pem in anchors if pem.strip()]
    if there:
        context.load_verify_locations(cadata=b"\n".join(there).decode())
        context.verify_mode = ssl.CERT_OPTIONAL


def serve(
    app: Any,
    settings: Settings,
    anchors: Anchors,
    on_ready: OnReady | None = None,
) -> None:
    """Listen where `[server]` says until SIGINT or SIGTERM; `on_ready` runs when all listen."""
    server = settings.of(Server)
    sockets = _bind(server, settings, anchors())
    files = settings.resolve(server.tls_certificate), settings.resolve(server.tls_key)
    limits = settings.of(Limits)
    most = min(limits.connections, _files_that_may_be_open() // 2 - _FILES_OF_OURS)
    connections = Connections(max(16, most), server.trusted_proxies)
    with asyncio.Runner(loop_factory=lambda: _Loop(limits.head_seconds)) as runner:
        runner.run(_serve(app, sockets, files, anchors, on_ready, connections, limits))


def _files_that_may_be_open() -> int:
    """As many as the system lets us: a connection is one, and its body on the way another."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


class _Loop(uvloop.Loop):
    """uvicorn has no word for how long a TLS handshake may take; a minute holds too many."""

    def __init__(self, handshake_seconds: float) -> None:
        super().__init__()
        self._handshake_seconds = handshake_seconds

    async def create_server(self, *args: Any, **more: Any) -> Any:
        if more.get("ssl") is not None:
            more["ssl_handshake_timeout"] = self._handshake_seconds
        return await super().create_server(*args, **more)


def _bind(
    server: Server, settings: Settings, anchors: Sequence[bytes]
) -> list[tuple[socket.socket, ssl.SSLContext | None]]:
    bound: list[tuple[socket.socket, ssl.SSLContext | None]] = []
    if server.listen:
        bound.append((_listen(server.listen), None))
    files = settings.resolve(server.tls_certificate), settings.resolve(server.tls_key)
    for address, linking in ((server.tls_listen, False), (server.linking_listen, True)):
        if address:
            context = tls_context(*files, anchors, linking=linking)
            bound.append((_listen(address), context))
    if server.unix_socket:
        bound.append((_listen_unix(settings.resolve(server.unix_socket)), None))
    return bound


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, int(port)))
    except (OSError, ValueError, OverflowError) as error:
        raise SettingsError(
            f"[server] cannot listen on {address} ({error}); stop what listens there, or write "
            "another host:port."
        ) from None
    listener.listen(2048)
    listener.setblocking(False)
    return listener


def _several(listener: socket.socket) -> list[socket.socket]:
    """libuv takes one connection of each socket in a round of its loop: who comes behind hundreds
    would wait for as many rounds. So the same socket is listened to several times."""
    return [listener, *(listener.dup() for _ in range(_ACCEPTS - 1))]


def _listen_unix(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o660)  # the proxy's group may write; nobody else
    except OSError as error:
        raise SettingsError(
            f"[server] cannot listen on the Unix socket {path} ({error}); make its folder "
            "writable for this user."
        ) from None
    listener.listen(2048)
    listener.setblocking(False)
    return listener


async def _follow(
    files: tuple[Path, Path], anchors: Anchors, contexts: Sequence[ssl.SSLContext]
) -> None:
    """Take a renewed certificate and new authorities up without a restart: new connections get
    them. An authority is published long before it signs, so nobody comes too early."""
    seen, known = _changed(files), await asyncio.to_thread(anchors)
    while contexts:
        await asyncio.sleep(RELOAD_SECONDS)
        known = await _new_anchors(anchors, known, contexts)
        now = _changed(files)
        if now == seen or None in now:
            continue
        try:
            for context in contexts:
                context.load_cert_chain(*files)
        except (ssl.SSLError, OSError) as error:  # half-written: look again
            log.warning("the new TLS certificate cannot be used yet: %s", error)
            continue
        seen = now
        log.info("took up the new TLS certificate")


async def _new_anchors(
    anchors: Anchors, known: list[bytes], contexts: Sequence[ssl.SSLContext]
) -> list[bytes]:
    try:
        found = await asyncio.to_thread(anchors)
        if found != known:
            for context in contexts:
                _trust(context, found)
            log.info("took up new authorities")
    except Exception:  # the database may be away for a while
        log.warning("the authorities cannot be taken up now", exc_info=True)
        return known
    return found


def _changed(files: tuple[Path, Path]) -> tuple[int | None, ...]:
    return tuple(f.stat().st_mtime_ns if f.exists() else None for f in files)


async def _serve(
    app: Any,
    sockets: Sequence[tuple[socket.socket, ssl.SSLContext | None]],
    tls_files: tuple[Path, Path],
    anchors: Anchors,
    on_ready: OnReady | None,
    connections: Connections,
    limits: Limits,
) -> None:
    servers = []
    for position, (_, context) in enumerate(sockets):
        config = Config(
            app,
            http=Connection,
            ws="none",
            lifespan="on" if position == 0 else "off",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
            h11_max_incomplete_event_size=65536,
        )
        config.connections, config.head_seconds = connections, limits.head_seconds
        config.load()
        config.ssl = context
        servers.append(_Listener(config))

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    contexts = [context for _, context in sockets if context is not None]
    beside = [
        asyncio.create_task(_follow(tls_files, anchors, contexts)),
        asyncio.create_task(memory.give_back()),
    ]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    serving = [
        asyncio.create_task(server.serve(sockets=_several(listener)))
        for server, (listener, _) in zip(servers, sockets, strict=True)
    ]
    while not all(server.started for server in servers) and not any(t.done() for t in serving):
        await asyncio.sleep(0.01)
    if on_ready is not None and all(server.started for server in servers):
        await asyncio.to_thread(on_ready)
    done, _ = await asyncio.wait(serving, return_when=asyncio.FIRST_EXCEPTION)
    stop()
    for task in beside:
        task.cancel()
    await asyncio.gather(*serving)
    for task in done:
        task.result()
