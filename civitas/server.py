"""Serve one application on several listeners, with TLS client certificates — RFC 8446, RFC 8705.

What one connection may do, and how its client certificate reaches the application, is in
`civitas/connection.py`; what TLS is spoken, in `civitas/tls.py` and `civitas/encrypted.py`.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn
import uvloop

from civitas import addresses, memory
from civitas.connection import Bounds, Connection
from civitas.connections import Connections
from civitas.encrypted import Encrypted
from civitas.tls import UNUSABLE, TlsListener
from civitas.workers import Worker
from foundation.limits import Limits
from foundation.settings import Server, Settings

OnReady = Callable[[], None]
Bound = tuple[socket.socket, TlsListener | None]
RELOAD_SECONDS = 15
_FILES_OF_OURS = 128
log = logging.getLogger("civitas.server")


class _Listener(uvicorn.Server):
    """One uvicorn server among several; the process's signals are handled once, by `serve`."""

    def install_signal_handlers(self) -> None: ...

    def capture_signals(self) -> Any:
        from contextlib import nullcontext

        return nullcontext()


def serve(
    app: Any,
    settings: Settings,
    on_ready: OnReady | None = None,
    *,
    asks: bool = True,
    worker: Worker | None = None,
) -> None:
    """Listen where `[server]` says until SIGINT or SIGTERM; `on_ready` runs when all listen.

    `asks`: whether TLS asks for client certificates, which browsers show people a dialogue for.
    `worker`: this process is one of several, and ends with its parent.
    """
    server = settings.of(Server)
    sockets = [
        (addresses.listening(bound), listener)
        for bound, listener in _bind(server, settings, asks, worker.held if worker else None)
    ]
    limits = settings.of(Limits)
    # One for a connection, one for its body on the way, one for a handshake behind it.
    most = max(16, min(limits.connections, _files_that_may_be_open() // 3 - _FILES_OF_OURS))
    proxies = server.trusted_proxies
    bounds = Bounds(Connections(most, proxies), Connections(most, proxies), limits.head_seconds)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app, sockets, bounds, on_ready, worker))


def spoken(
    listener: TlsListener | None = None, bounds: Bounds | None = None
) -> Callable[..., asyncio.Protocol]:
    """What uvicorn calls for each connection: HTTP, within TLS where there is a listener for it."""

    def protocol(**given: Any) -> asyncio.Protocol:
        connection = Connection(**given, bounds=bounds)
        return Encrypted(connection, listener, connection.bounds) if listener else connection

    return protocol


def _files_that_may_be_open() -> int:
    """As many as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def _bind(
    server: Server, settings: Settings, asks: bool, held: addresses.Held | None
) -> list[Bound]:
    shared = held is not None
    bound: list[Bound] = []
    if server.listen:
        bound.append((addresses.bound(server.listen, shared=shared), None))
    files = settings.resolve(server.tls_certificate), settings.resolve(server.tls_key)
    for address, linking in ((server.tls_listen, False), (server.linking_listen, True)):
        if address:
            listener = TlsListener(*files, linking=linking, asks=asks)
            bound.append((addresses.bound(address, shared=shared), listener))
    if server.unix_socket:
        path = settings.resolve(server.unix_socket)
        unix = held.unix if held is not None else None
        bound.append((unix or addresses.bound_unix(path), None))
    return bound


async def _follow(listeners: Sequence[TlsListener]) -> None:
    """Take a renewed certificate up without a restart: new connections get it."""
    while listeners:
        await asyncio.sleep(RELOAD_SECONDS)
        for listener in listeners:
            try:
                if listener.read_again():
                    log.info("took up the new TLS certificate")
            except UNUSABLE as error:  # half-written: look again
                log.warning("the new TLS certificate cannot be used yet: %s", error)


async def _serve(
    app: Any,
    sockets: Sequence[Bound],
    bounds: Bounds,
    on_ready: OnReady | None,
    worker: Worker | None,
) -> None:
    servers = []
    for position, (_, listener) in enumerate(sockets):
        config = uvicorn.Config(
            app,
            http=spoken(listener, bounds),  # type: ignore[arg-type]
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
        servers.append(_Listener(config))

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    beside = [
        asyncio.create_task(_follow([listener for _, listener in sockets if listener])),
        asyncio.create_task(memory.give_back()),
    ]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    if worker is not None:
        worker.attend(loop, stop)
    serving = [
        asyncio.create_task(server.serve(sockets=addresses.several(listener)))
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
