"""What a start would stop at, found without one — `civitas config check`.

Without connections: files, keys, certificates, drivers and what they say of one another. With them
(`--connect`) also what answers elsewhere: databases, and addresses that others may hold.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

from sqlalchemy import text

from civitas import governance, schema
from civitas.deployment import Deployment
from civitas.tls import TlsListener
from foundation.audit.settings import AuditSettings
from foundation.database import Database, DatabaseSettings
from foundation.keys import KeySettings
from foundation.settings import Jurisdiction, Server, Settings, SettingsError
from foundation.telemetry import TelemetrySettings
from foundation.vault import VaultSettings
from idp import federation
from idp.register import NoticeSettings

_SECONDS = 5


def check(settings: Settings, connect: bool = False) -> list[str]:
    """Remarks on what could not be looked at, or need not stop a start.

    Raises SettingsError with one sentence at the first thing at which a start would stop.
    """
    remarks = []
    federation.check(settings)
    _check_listeners(settings)
    _check_folders(settings)
    credential = settings.of(KeySettings).master_key
    if credential.startswith("credential:") and not os.environ.get("CREDENTIALS_DIRECTORY"):
        # Only the service manager hands it in: its start looks at it (ExecStartPre).
        return [f"The master key was not looked at: systemd alone hands in {credential}."]
    with _assembled(settings) as deployment:
        if connect:
            schema.check(deployment.runtime.database)
            deployment.runtime.check()
            database = deployment.runtime.database
            remarks += [*_busy(settings), *_away(settings), *_replica(settings, database)]
    return remarks


@contextmanager
def _assembled(settings: Settings) -> Iterator[Deployment]:
    deployment = governance.assemble(settings)
    try:
        yield deployment
    finally:
        deployment.runtime.close()


def _check_listeners(settings: Settings) -> None:
    server = settings.of(Server)
    files = settings.resolve(server.tls_certificate), settings.resolve(server.tls_key)
    if server.tls_listen or server.linking_listen:
        TlsListener(*files)
    if server.unix_socket and not settings.resolve(server.unix_socket).parent.is_dir():
        raise SettingsError(
            f"{settings.path}: [server] unix_socket {server.unix_socket!r} is in a folder that is "
            "not there; make it, writable for this user, or name another."
        )


def _check_folders(settings: Settings) -> None:
    """SQLite makes a file that is missing, but no folder."""
    for section, url in (
        ("database", settings.of(DatabaseSettings).url),
        ("vault", settings.of(VaultSettings).keys),
    ):
        written = url.removeprefix("sqlite:///")
        folder = settings.resolve(written).parent
        if written != url and not folder.is_dir():
            raise SettingsError(
                f"{settings.path}: [{section}] {url} lies in {folder}, which is not there; make "
                "that folder for this user, or name another."
            )


def _busy(settings: Settings) -> Iterator[str]:
    """Of the addresses to listen on, those that somebody holds: perhaps this deployment itself."""
    server = settings.of(Server)
    for key in ("listen", "tls_listen", "linking_listen"):
        address = getattr(server, key)
        if not address:
            continue
        host, _, port = address.rpartition(":")
        try:
            with closing(socket.create_server((host.strip("[]"), int(port)), family=_family(host))):
                pass
        except OSError as error:
            yield (
                f"[server] {key}: {address} cannot be listened on now ({error.strerror}); if it is "
                "not this deployment that runs there, stop what does, or write another host:port."
            )


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _replica(settings: Settings, database: Database) -> Iterator[str]:
    """Nothing stops without it: the primary is read then, by all that it was to spare."""
    chosen = settings.of(DatabaseSettings)
    if not chosen.replica_url:
        return
    with database.read_old() as uow:
        follows = uow.execute(text("SELECT pg_is_in_recovery()")).scalar_one()
    if not follows:
        parts = urlsplit(chosen.replica_url)
        yield (
            f"[database] replica_url: nothing at {parts.hostname}:{parts.port or 5432} answers, "
            f"follows the primary and is at most {chosen.replica_seconds:g} seconds behind it; "
            "start it, or mend it: until then the primary is read."
        )


def _away(settings: Settings) -> Iterator[str]:
    """Of what is named elsewhere, what does not answer. None of it stops a start."""
    named: dict[str, str | None] = {
        "[jurisdiction] regulator": settings.of(Jurisdiction).regulator,
        "[telemetry] otlp_endpoint": settings.of(TelemetrySettings).otlp_endpoint,
    }
    notices = settings.of(NoticeSettings)
    if notices.smtp_host:
        named["[notices] smtp_host"] = f"smtp://{notices.smtp_host}:{notices.smtp_port}"
    named |= {f"[audit.witnesses] {w}": w for w in settings.of(AuditSettings).witnesses}
    for key, url in named.items():
        if not url:
            continue
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or "", port), _SECONDS).close()
        except OSError as error:
            why = error.strerror or "it says nothing"
            yield f"{key}: nobody answers at {parts.hostname}:{port} ({why}); start it, or mend it."
