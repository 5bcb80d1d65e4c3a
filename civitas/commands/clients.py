"""`civitas clients`: the services that sign people in or ask questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    deployment_of,
    fail,
    host,
    out,
    print_json,
)
from civitas.deployment import Deployment
from foundation.settings import Server
from idp.oauth import OAuth

SIGN_IN = "identity.sign-in"

app = typer.Typer(help="Add and list services.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Add and list services."""


@app.command()
def add(
    name: Annotated[str, typer.Option(help="The name that people are shown.")],
    redirect: Annotated[
        list[str] | None, typer.Option(help="Exact redirect URI; repeat for more.")
    ] = None,
    scope: Annotated[
        str, typer.Option(help="Scopes that it may ask for, separated by spaces.")
    ] = "openid",
    purpose: Annotated[
        list[str] | None,
        typer.Option(
            help="Purpose of its requests; repeat for more. By default: to sign people in."
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth, or "
            "none for a public client."
        ),
    ] = "client_secret_basic",
    grant: Annotated[
        list[str] | None, typer.Option(help="Grant types; those that the scopes need by default.")
    ] = None,
    post_logout: Annotated[
        list[str] | None, typer.Option(help="Exact URI after sign-out; repeat for more.")
    ] = None,
    id_token_alg: Annotated[
        str,
        typer.Option(help="What signs its ID tokens: RS256, which every library reads, or ES256."),
    ] = "RS256",
    rs256: Annotated[bool, typer.Option("--rs256", hidden=True)] = False,
    without_pkce: Annotated[
        bool,
        typer.Option("--without-pkce", help="Take a nonce in place of a PKCE challenge."),
    ] = False,
    only_this_method: Annotated[
        bool,
        typer.Option("--only-this-method", help="Take its secret in the place of --method alone."),
    ] = False,
    subject_dn: Annotated[
        str | None, typer.Option(help="Subject of its certificate, for tls_client_auth.")
    ] = None,
    jwks: Annotated[
        Path | None, typer.Option(help="File with its JWK Set, for private_key_jwt.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Register a service; prints what it needs. The secret is shown this once.

    Example: `civitas clients add --name Library --redirect https://library.example/callback
    --scope "openid profile access:evaluate" --purpose library`
    """
    metadata: dict[str, object] = {
        "client_name": name,
        "redirect_uris": redirect or [],
        "scope": scope,
        "token_endpoint_auth_method": method,
        "grant_types": grant or _grants(scope, redirect or []),
    }
    if purpose or redirect:
        metadata["purposes"] = purpose or [SIGN_IN]
    if post_logout:
        metadata["post_logout_redirect_uris"] = post_logout
    metadata["id_token_signed_response_alg"] = "RS256" if rs256 else id_token_alg
    if without_pkce:
        metadata["require_pkce"] = False
    if only_this_method:
        metadata["token_endpoint_auth_method_only"] = True
    if jwks:
        metadata["jwks"] = _read_jwks(jwks)
    if subject_dn:
        metadata["tls_client_auth_subject_dn"] = subject_dn
    with deployment_of(config) as deployment:
        now = deployment.ground.clock.now()
        added = _oauth(deployment).clients.add(metadata, now, actor=host())
        url = deployment.ground.settings.of(Server).url
    answer = {
        "issuer": url,
        "discovery": f"{url}/.well-known/openid-configuration",
        "client_id": added.client.id,
        "client_secret": added.secret,
        "token_endpoint_auth_method": method,
        "id_token_signed_response_alg": added.client.id_token_signed_response_alg,
        "require_pkce": added.client.require_pkce,
        "redirect_uris": redirect or [],
        "scope": scope,
    }
    if as_json:
        print_json(answer)
        return
    for key, value in answer.items():
        if value:
            shown = " ".join(value) if isinstance(value, list) else value
            out.print(f"{key}: {shown}", soft_wrap=True)


def _oauth(deployment: Deployment) -> OAuth:
    if "oauth" not in deployment.parts:
        fail("A regulator signs no citizen in, so it has no services.", code=1)
    tokens: OAuth = deployment.parts["oauth"]
    return tokens


def _read_jwks(file: Path) -> object:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fail(f"{file} is not a readable JWK Set ({error}).", code=1)


def _grants(scope: str, redirects: list[str]) -> list[str]:
    grants = []
    if redirects:
        grants.append("authorization_code")
        if "offline_access" in scope.split():
            grants.append("refresh_token")
    if not redirects or any(":" in s for s in scope.split()):
        grants.append("client_credentials")
    return grants


@app.command("list")
def list_clients(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the registered services.

    Example: `civitas clients list`
    """
    with deployment_of(config) as deployment:
        clients = _oauth(deployment).clients.list()
    if as_json:
        print_json(
            [
                {
                    "client_id": c.id,
                    "name": c.name,
                    "redirect_uris": list(c.redirect_uris),
                    "scopes": sorted(c.scopes),
                }
                for c in clients
            ]
        )
        return
    table = Table(box=None)
    for heading in ("client_id", "name", "redirect"):
        table.add_column(heading)
    for c in clients:
        table.add_row(c.id, c.name, " ".join(c.redirect_uris))
    out.print(table)
