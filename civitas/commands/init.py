"""`civitas init`: a new deployment: configuration, master key, tables, first keys, TLS."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import jwt
import typer
from sqlalchemy.engine import make_url

from civitas import governance, key_store, schema, tls_files
from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    fail,
    out,
)
from civitas.configuration import settings_from, settings_of
from foundation.database import DatabaseSettings
from foundation.keys import KeySettings
from foundation.master_key import MasterKey
from foundation.runtime import open_database
from foundation.settings import Settings
from foundation.vault import VaultSettings

_PINNED = "regulator.jwks.json"


def add_to(app: typer.Typer) -> None:
    app.command()(init)


def init(
    config: ConfigOption = DEFAULT_CONFIG,
    model: Annotated[
        str, typer.Option("--governance", help="provider, regulator or broker.")
    ] = "provider",
    name: Annotated[str, typer.Option(help="Name of the jurisdiction or provider.")] = "Civitas",
    city: Annotated[str | None, typer.Option(help="The city; the name, if not given.")] = None,
    country: Annotated[str, typer.Option(help="ISO 3166 country code.")] = "XX",
    time_zone: Annotated[str, typer.Option(help="IANA time zone.")] = "UTC",
    url: Annotated[
        str, typer.Option(help="Where this deployment is reached; its issuer identifier.")
    ] = "http://localhost:8000",
    tls_url: Annotated[
        str | None, typer.Option(help="Where devices reach it with client certificates.")
    ] = None,
    regulator: Annotated[
        str | None, typer.Option(help="URL of the regulator that accredits this deployment.")
    ] = None,
    database: Annotated[
        str, typer.Option(help="sqlite:///… or postgresql+psycopg://…")
    ] = "sqlite:///civitas.db",
    schema_name: Annotated[
        str | None, typer.Option("--schema", help="PostgreSQL schema of this deployment.")
    ] = None,
    person_keys: Annotated[
        str | None,
        typer.Option(
            help="Where the person keys live; if not given, beside a SQLite file, or in a database "
            "of their own on the same PostgreSQL server. A sqlite:/// file is for one node only."
        ),
    ] = None,
    development: Annotated[
        bool, typer.Option("--development", help="Permit plain http, on this machine only.")
    ] = False,
) -> None:
    """Set up a new deployment; what exists already is kept, keys are never overwritten.

    Writes the configuration if there is none, makes the master key (0600), the tables, the
    first signing keys, and, where it listens with TLS without a certificate of yours, one of
    its own authority.

    Example: `civitas init --url https://id.example.city --governance provider --name Exampleton`
    """
    if config.exists():
        settings = settings_of(config)
        _check_database(settings)
        _make_key_database(settings)
    else:
        jurisdiction = {
            "name": name,
            "city": city or name,
            "country": country,
            "governance": model,
            "time_zone": time_zone,
        }
        pinned: dict[str, Any] = {}
        if regulator:
            jurisdiction["regulator"] = regulator.rstrip("/")
            pinned = _keys_of(jurisdiction["regulator"])
        text = _toml(
            {
                "server": _server(url.rstrip("/"), tls_url and tls_url.rstrip("/")),
                "jurisdiction": jurisdiction,
                "database": _database(database, schema_name),
                "vault": _vault(database, schema_name, person_keys),
                "audit": {"mark_file": _beside(database, "audit-mark")},
                "keys": {"master_key": "file:master.key"},
                "development": {"loopback_http": True} if development else {},
                "federation.trust_anchors": (
                    {jurisdiction["regulator"]: _PINNED} if pinned else {}
                ),
            }
        )
        # What is refused here leaves nothing behind that the next `init` would keep.
        settings = settings_from(text, config)
        config.parent.mkdir(parents=True, exist_ok=True)
        _check_database(settings)
        _make_key_database(settings)
        if pinned:
            _pin(config.parent / _PINNED, pinned, jurisdiction["regulator"])
        write_configuration(config, text)
        out.print(f"Wrote {config}.")
    _make_master_key(settings)
    _make_tables(settings)
    out.print(f"Ready: start it with `civitas serve --config {config}`.", soft_wrap=True)


def _server(url: str, tls_url: str | None) -> dict[str, Any]:
    server: dict[str, Any] = {"url": url, "listen": _listen(url, 8000)}
    if tls_url:
        server |= {"tls_url": tls_url, "tls_listen": _listen(tls_url, 8443)}
    return server


def _listen(url: str, default: int) -> str:
    return f"127.0.0.1:{urlsplit(url).port or default}"


def _database(url: str, schema_name: str | None) -> dict[str, Any]:
    return {"url": url, **({"schema_name": schema_name} if schema_name else {})}


def _vault(url: str, schema_name: str | None, chosen: str | None) -> dict[str, Any]:
    """Never in the database itself, in another schema neither: a dump would hold both."""
    if chosen is None and url.startswith("sqlite"):
        chosen = f"sqlite:///{_beside(url, 'person-keys.db')}"
    elif chosen is None:
        chosen = key_store.beside(url) if url.startswith("postgresql") else url
    named = {"schema_name": schema_name} if schema_name and not chosen.startswith("sqlite") else {}
    return {"keys": chosen, **named}


def _make_key_database(settings: Settings) -> None:
    chosen, data = settings.of(VaultSettings).keys, settings.of(DatabaseSettings).url
    if key_store.make_database(chosen, data):
        out.print(f"Made the database {make_url(chosen).database} for the person keys.")
    if chosen.startswith("sqlite") and not data.startswith("sqlite"):
        out.print("The person keys are in a file of this machine: that is for one node only.")


def _beside(database: str, name: str) -> str:
    """A file in the folder of a SQLite database; of any other, in that of the configuration."""
    if not database.startswith("sqlite"):
        return name
    folder, _, _ = database.removeprefix("sqlite:///").rpartition("/")
    return f"{folder}{'/' if folder else ''}{name}"


def _toml(sections: dict[str, dict[str, Any]]) -> str:
    lines = ["# Every key and its meaning: docs/settings.md", ""]
    for section, values in sections.items():
        if not values:
            continue
        lines.append(f"[{section}]")
        lines += [
            f"{_key(key)} = {json.dumps(value, ensure_ascii=False)}"
            for key, value in values.items()
        ]
        lines.append("")
    return "\n".join(lines)


def write_configuration(config: Path, text: str) -> None:
    """Whole or not at all; only owner and group read it, for a database URL may hold a password."""
    beside = config.with_name(f".{config.name}.new")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o640)
    beside.write_text(text, encoding="utf-8")
    beside.rename(config)


def _key(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name)


def _keys_of(regulator: str) -> dict[str, Any]:
    """The keys of the regulator as it shows them today, a JWK Set."""
    try:
        answer = httpx.get(f"{regulator}/.well-known/openid-federation", timeout=10)
        answer.raise_for_status()
        unverified = jwt.decode_complete(answer.text, options={"verify_signature": False})
        keys: dict[str, Any] = unverified["payload"]["jwks"]
        for key in keys["keys"]:
            thumbprint(key)
    except (httpx.HTTPError, jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
        fail(
            f"The regulator {regulator} does not show its keys ({error}): start it first, or "
            "write the configuration by hand with its keys in [federation.trust_anchors]."
        )
    return keys


def _pin(file: Path, keys: dict[str, Any], regulator: str) -> None:
    file.write_text(json.dumps(keys, indent=2), encoding="utf-8")
    thumbprints = ", ".join(thumbprint(key) for key in keys["keys"])
    out.print(f"Pinned the keys of {regulator} in {file}: {thumbprints}.", soft_wrap=True)
    out.print("Compare them with what the regulator told you by another way.")


def thumbprint(key: dict[str, str]) -> str:
    """RFC 7638, of an elliptic-curve key."""
    members = {name: key[name] for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()


def _make_master_key(settings: Settings) -> None:
    source = settings.of(KeySettings).master_key
    if not source.startswith("file:"):
        return
    path = settings.resolve(source.removeprefix("file:"))
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        MasterKey.create(path)
        out.print(f"Made the master key {path}: keep a copy where no backup of the database is.")


def _check_database(settings: Settings) -> None:
    """That it answers, and is empty or of this program's revision."""
    database = open_database(settings)
    try:
        found = schema.current(database)
    finally:
        database.close()
    if found is not None and found != schema.HEAD:
        fail(f"The database is at revision {found}: run `civitas db upgrade` instead.")


def _make_tables(settings: Settings) -> None:
    deployment = governance.assemble(settings)
    runtime = deployment.runtime
    schema.make(runtime.database)
    runtime.prepare()
    for prepare in deployment.prepare:
        prepare(runtime)
    runtime.keys.check()
    tls_files.ensure(deployment)
    runtime.close()
