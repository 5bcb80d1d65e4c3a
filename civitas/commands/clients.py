"""`civitas clients`: the services that sign people in or ask questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from civitas.commands import client_acts, client_files, client_invitations
from civitas.commands.client_acts import oauth_of
from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    deployment_of,
    fail,
    host,
    out,
    print_json,
    refusals,
)
from foundation.settings import Server
from idp.oauth import (
    AddedClient,
    Client,
    Kit,
    abilities_of,
    doubts_of,
    kit,
    known_kits,
    read_switches,
    relaxations_of,
)

SIGN_IN = "identity.sign-in"

app = typer.Typer(help="Add, show, change and remove services.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Add, show, change and remove services."""


@app.command()
def add(
    name: Annotated[str | None, typer.Option(help="The name that people are shown.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--for",
            help="What it is: registers what that needs and prints its configuration. "
            "`--for list` shows all.",
        ),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="With --for: the address of the service, https://….")
    ] = None,
    redirect: Annotated[
        list[str] | None, typer.Option(help="Exact redirect URI; repeat for more.")
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(help="Scopes that it may ask for, separated by spaces; `openid` by default."),
    ] = None,
    purpose: Annotated[
        list[str] | None,
        typer.Option(
            help="Purpose of its requests; repeat for more. By default: to sign people in."
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth, "
            "self_signed_tls_client_auth, or none for a public client."
        ),
    ] = None,
    grant: Annotated[
        list[str] | None, typer.Option(help="Grant types; those that the scopes need by default.")
    ] = None,
    post_logout: Annotated[
        list[str] | None, typer.Option(help="Exact URI after sign-out; repeat for more.")
    ] = None,
    why: Annotated[
        list[str] | None,
        typer.Option(
            help='Why it wants a thing, for people to read: "email=To tell you when a book is '
            'due", or "email#fr=…" in French; repeat for more.'
        ),
    ] = None,
    id_token_alg: Annotated[
        str | None,
        typer.Option(help="What signs its ID tokens: RS256, which every library reads, or ES256."),
    ] = None,
    rs256: Annotated[
        bool, typer.Option("--rs256", hidden=True, help="The same as --id-token-alg RS256.")
    ] = False,
    without_pkce: Annotated[
        bool,
        typer.Option("--without-pkce", help="Take a nonce in place of a PKCE challenge."),
    ] = False,
    only_this_method: Annotated[
        bool,
        typer.Option("--only-this-method", help="Take its secret in the place of --method alone."),
    ] = False,
    sector: Annotated[
        str | None, typer.Option(help="Services of one sector know a person by the same sub.")
    ] = None,
    resource: Annotated[
        str | None, typer.Option(help="The URI under which it receives access tokens.")
    ] = None,
    audience: Annotated[
        list[str] | None, typer.Option(help="A resource that it may ask tokens for; repeatable.")
    ] = None,
    subject_dn: Annotated[
        str | None, typer.Option(help="Subject of its certificate, for tls_client_auth.")
    ] = None,
    jwks: Annotated[
        Path | None, typer.Option(help="File with its JWK Set, for private_key_jwt.")
    ] = None,
    switches: client_acts.SwitchOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Register a service; prints what it needs. The secret is shown this once.

    Example: `civitas clients add --name Library --redirect https://library.example/callback
    --scope "openid profile access:evaluate" --purpose library`

    Or for a well-known program: `civitas clients add --for spring --name Library
    --url https://library.example`
    """
    if kind == "list":
        _list_kinds(as_json)
        return
    if not name:
        fail("Say with --name what people are to read when they are asked about this service.")
    with refusals():
        program = kit(kind) if kind else None
        metadata = program.metadata(url) if program else {}
        switched = read_switches(switches or [])
    uris = [*metadata.get("redirect_uris", ()), *(redirect or [])]
    if not program:
        metadata = _usual(switched, scope or "openid", uris)
    given: dict[str, Any] = {
        "client_name": name,
        "redirect_uris": uris,
        "post_logout_redirect_uris": [
            *metadata.get("post_logout_redirect_uris", ()),
            *(post_logout or []),
        ],
        "scope": scope or metadata.get("scope", "openid"),
        "attribute_reasons": _reasons(why or []),
        "purposes": purpose or metadata.get("purposes") or ([SIGN_IN] if uris else None),
        "token_endpoint_auth_method": method,
        "grant_types": grant,
        "id_token_signed_response_alg": "RS256" if rs256 else id_token_alg,
        "require_pkce": False if without_pkce else None,
        "token_endpoint_auth_method_only": True if only_this_method else None,
        "sector": sector,
        "resource": resource,
        "audiences": audience,
        "jwks": client_acts.read_jwks(jwks) if jwks else None,
        "tls_client_auth_subject_dn": subject_dn,
    }
    metadata |= {member: value for member, value in given.items() if value is not None}
    metadata |= {member: value for member, value in switched.items() if value is not None}
    with deployment_of(config) as deployment:
        oauth = oauth_of(deployment)
        added = oauth.clients.add(metadata, deployment.runtime.clock.now(), actor=host())
        issuer = deployment.runtime.settings.of(Server).url
        catalogue = oauth.policies.catalogue
    answer = _answer(added, issuer, str(metadata["scope"]))
    can = [sentence.said() for sentence in abilities_of(added.client, catalogue)]
    doubts = [sentence.said() for sentence in doubts_of(added.client, catalogue)]
    printed = program.printed(added.client, added.secret, issuer, url) if program else ()
    if as_json:
        more = {"files": [{"name": s.name, "text": s.text} for s in printed]} if program else {}
        print_json({**answer, "can": can, "doubts": doubts, **more})
        return
    for key, value in answer.items():
        if value not in (None, "", []):
            shown = " ".join(value) if isinstance(value, list) else value
            _say(f"{key}: {shown}")
    _say("")
    for sentence in can:
        _say(sentence)
    for sentence in doubts:
        _say(f"Look at this: {sentence}")
    for snippet in printed:
        _say(f"\n# ── {snippet.name} ──\n{snippet.text}" if snippet.name else f"\n{snippet.text}")


def _say(text: str) -> None:
    # No markup: configurations have brackets of their own.
    out.print(text, soft_wrap=True, markup=False)


def _answer(added: AddedClient, issuer: str, scope: str) -> dict[str, Any]:
    client = added.client
    return {
        "issuer": issuer,
        "discovery": f"{issuer}/.well-known/openid-configuration",
        "client_id": client.id,
        "client_secret": added.secret,
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "id_token_signed_response_alg": client.id_token_signed_response_alg,
        "require_pkce": client.require_pkce,
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "scope": scope,
    }


def _list_kinds(as_json: bool) -> None:
    known: list[Kit] = list(known_kits().values())
    if as_json:
        print_json([{"for": one.name, "title": one.title, "url": one.url} for one in known])
        return
    table = Table(box=None)
    for heading in ("--for", "what it is", "--url"):
        table.add_column(heading)
    for one in known:
        table.add_row(one.name, one.title, one.url or "none")
    out.print(table)


def _reasons(written: list[str]) -> dict[str, str] | None:
    reasons = {}
    for one in written:
        name, equals, reason = one.partition("=")
        if not equals or not reason.strip():
            fail(f'--why {one!r}: write the claim, "=", and the reason: "email=To answer you".')
        reasons[name.strip()] = reason.strip()
    return reasons or None


def _usual(switched: dict[str, Any], scope: str, redirects: list[str]) -> dict[str, Any]:
    """What a service of no known kind is registered for, where nothing is said."""
    usual: dict[str, Any] = {"grant_types": _grants(scope, redirects)}
    # A profile says itself how it proves itself.
    secret = {"token_endpoint_auth_method": "client_secret_basic"}
    return usual if switched.get("profile") else {**secret, **usual}


def _grants(scope: str, redirects: list[str]) -> list[str]:
    grants = []
    if redirects:
        grants.append("authorization_code")
        if "offline_access" in scope.split():
            grants.append("refresh_token")
    if not redirects or any(":" in s for s in scope.split()):
        grants.append("client_credentials")
    return grants


def relaxed(client: Client) -> list[str]:
    """What is less strict at it than usual, by the member that says so."""
    return [one.member for one in relaxations_of(client)]


def costs_of(clients: list[Client]) -> dict[str, str]:
    """What each of that costs, once."""
    return {one.member: one.costs for client in clients for one in relaxations_of(client)}


@app.command("list")
def list_clients(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the registered services.

    Example: `civitas clients list`
    """
    with deployment_of(config) as deployment:
        clients = oauth_of(deployment).clients.list()
    if as_json:
        print_json(
            [
                {
                    "client_id": c.id,
                    "name": c.name,
                    "state": client_acts.state(c),
                    "redirect_uris": list(c.redirect_uris),
                    "scopes": sorted(c.scopes),
                    "relaxed": relaxed(c),
                }
                for c in clients
            ]
        )
        return
    table = Table(box=None)
    for heading in ("client_id", "name", "state", "redirect", "relaxed"):
        table.add_column(heading)
    for c in clients:
        names = " ".join(relaxed(c))
        table.add_row(c.id, c.name, client_acts.state(c), " ".join(c.redirect_uris), names)
    out.print(table)
    for member, what in sorted(costs_of(clients).items()):
        out.print(f"{member}: {what}", soft_wrap=True, markup=False)


client_acts.add_to(app)
client_invitations.add_to(app)
client_files.add_to(app)
