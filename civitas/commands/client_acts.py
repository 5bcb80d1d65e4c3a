"""The acts of `civitas clients` on one service: what its page can, by the operator of the host.

What cannot be undone says what follows, and asks; `--yes` answers for a script.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    DryRunOption,
    JsonOption,
    deployment_of,
    fail,
    host,
    out,
    print_json,
    refusals,
)
from civitas.deployment import Deployment
from foundation.settings import Server
from idp.oauth import (
    Client,
    OAuth,
    abilities_of,
    doubts_of,
    read_switches,
    relaxations_of,
    switches_of,
)
from idp.supervision import Supervision

ClientArgument = Annotated[str, typer.Argument(help="Identifier of the service, svc_….")]
ReasonOption = Annotated[str, typer.Option(help="Why, in a sentence; it stands in the audit.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask whether you mean it.")]
SwitchOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="MEMBER=VALUE",
        help="Switch something on or off by its name in RFC 7591, such as "
        "require_pushed_authorization_requests=yes; repeatable, `show` lists all.",
    ),
]
NONE = "none"


def add_to(app: typer.Typer) -> None:
    for command in (show, change, suspend, resume, remove, secret):
        app.command()(command)
    app.command("testers")(invented)


def oauth_of(deployment: Deployment) -> OAuth:
    if "oauth" not in deployment.parts:
        fail("A regulator signs no citizen in, so it has no services.", code=1)
    tokens: OAuth = deployment.parts["oauth"]
    return tokens


def supervision_of(deployment: Deployment) -> Supervision:
    oauth_of(deployment)
    found: Supervision = deployment.parts["supervision"]
    return found


def state(client: Client) -> str:
    if client.removed:
        return "removed"
    return "active" if client.active else "suspended"


def in_order(scopes: Collection[str]) -> list[str]:
    """`openid` first, the rest by name."""
    return sorted(scopes, key=lambda scope: (scope != "openid", scope))


def read_jwks(file: Path) -> object:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fail(f"{file} is not a readable JWK Set ({error}).", code=1)


def show(
    client_id: ClientArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """Show a service: what it is registered for, and what it can do. A secret is never shown again.

    Example: `civitas clients show svc_…`
    """
    with deployment_of(config) as deployment:
        oauth = oauth_of(deployment)
        client, catalogue = _found(deployment, client_id), oauth.policies.catalogue
        until = client.previous_secret_until
        facts = {
            "client_id": client.id,
            "name": client.name,
            "state": state(client),
            "issuer": deployment.runtime.settings.of(Server).url,
            "token_endpoint_auth_method": client.token_endpoint_auth_method,
            "id_token_signed_response_alg": client.id_token_signed_response_alg,
            "require_pkce": client.require_pkce,
            **switches_of(client),
            "grant_types": sorted(client.grant_types),
            "redirect_uris": list(client.redirect_uris),
            "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
            "scope": " ".join(in_order(client.scopes)),
            "purposes": list(client.purposes),
            "attributes": sorted(client.attributes),
            "sector": str(client.sector),
            "resource": client.resource,
            "audiences": list(client.audiences),
            "old_secret_until": until if until and until > deployment.runtime.clock.now() else None,
        }
    can = [sentence.said() for sentence in abilities_of(client, catalogue)]
    doubts = [sentence.said() for sentence in doubts_of(client, catalogue)]
    relaxed = {one.member: one.costs for one in relaxations_of(client)}
    if as_json:
        print_json({**facts, "can": can, "doubts": doubts, "relaxed": relaxed})
        return
    for key, value in facts.items():
        if value not in (None, "", []):
            shown = " ".join(value) if isinstance(value, list) else value
            out.print(f"{key}: {shown}", soft_wrap=True, markup=False)
    for member, costs in relaxed.items():
        out.print(f"Relaxed: {member}. {costs}", soft_wrap=True, markup=False)
    for sentence in (*can, *(f"Look at this: {doubt}" for doubt in doubts)):
        out.print(sentence, soft_wrap=True, markup=False)


def change(
    client_id: ClientArgument,
    reason: ReasonOption,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    redirect: Annotated[
        list[str] | None, typer.Option(help="All its redirect URIs from now on; repeatable.")
    ] = None,
    add_redirect: Annotated[
        list[str] | None, typer.Option(help="One more redirect URI; repeatable.")
    ] = None,
    post_logout: Annotated[
        list[str] | None, typer.Option(help="All its URIs after sign-out; repeatable, or none.")
    ] = None,
    scope: Annotated[str | None, typer.Option(help="All its scopes, separated by spaces.")] = None,
    purpose: Annotated[
        list[str] | None, typer.Option(help="All its purposes; repeatable, or none.")
    ] = None,
    grant: Annotated[list[str] | None, typer.Option(help="All its grant types.")] = None,
    method: Annotated[str | None, typer.Option(help="How it proves itself.")] = None,
    id_token_alg: Annotated[str | None, typer.Option(help="RS256 or ES256.")] = None,
    require_pkce: Annotated[
        str | None, typer.Option(help="yes, or no: then it sends a nonce.")
    ] = None,
    sector: Annotated[
        str | None, typer.Option(help="Its sector; another one makes another sub of everybody.")
    ] = None,
    resource: Annotated[
        str | None, typer.Option(help="The URI under which it receives access tokens, or none.")
    ] = None,
    audience: Annotated[
        list[str] | None, typer.Option(help="All resources that it may ask tokens for, or none.")
    ] = None,
    subject_dn: Annotated[str | None, typer.Option(help="Subject of its certificate.")] = None,
    jwks: Annotated[Path | None, typer.Option(help="File with its JWK Set.")] = None,
    switches: SwitchOption = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Change what a service is registered for. What is taken away ends with the tokens that say it.

    Example: `civitas clients change svc_… --add-redirect https://new.example/callback
    --reason "It moves in June"`
    """
    changes: dict[str, Any] = {
        "client_name": name,
        "redirect_uris": redirect,
        "post_logout_redirect_uris": _listed(post_logout),
        "scope": scope,
        "purposes": _listed(purpose),
        "grant_types": grant,
        "token_endpoint_auth_method": method,
        "id_token_signed_response_alg": id_token_alg,
        "require_pkce": _yes_or_no(require_pkce),
        "sector": sector,
        "audiences": _listed(audience),
        "tls_client_auth_subject_dn": subject_dn,
        "jwks": read_jwks(jwks) if jwks else None,
    }
    changes = {member: value for member, value in changes.items() if value is not None}
    with refusals():
        changes |= read_switches(switches or [])
    if resource is not None:
        changes["resource"] = None if resource == NONE else resource
    with deployment_of(config) as deployment:
        managing = supervision_of(deployment).managing
        if add_redirect:
            known = redirect or list(_found(deployment, client_id).redirect_uris)
            changes["redirect_uris"] = [*known, *add_redirect]
        if not changes:
            fail("Say what to change: --name, --redirect, --scope, --purpose, … (see --help).")
        planned = managing.planned(client_id, changes)
        follows = _follows(planned.subjects_change, planned.ends_what_it_was_given)
        if dry_run:
            _print_change(client_id, planned.members, follows, None, as_json, done=False)
            return
        if planned.cannot_be_undone and not yes:
            typer.confirm(f"{' '.join(follows)} Go on?", abort=True, err=True)
        agreed = yes or planned.cannot_be_undone
        done = managing.change(client_id, changes, reason, host(), agreed=agreed)
    _print_change(client_id, planned.members, follows, done.secret, as_json, done=True)


def _follows(subjects: bool, ends: bool) -> list[str]:
    told = []
    if subjects:
        told.append("Everybody gets another sub at this service: it knows nobody again.")
    if ends:
        told.append("What it was given ends, and people sign in anew.")
    return told


def _print_change(
    client_id: str,
    members: list[str],
    follows: list[str],
    secret: str | None,
    as_json: bool,
    *,
    done: bool,
) -> None:
    if as_json:
        told = {"client_id": client_id, "changed": members, "follows": follows, "done": done}
        print_json(told if secret is None else {**told, "client_secret": secret})
        return
    verb = "is changed" if done else "would be changed"
    out.print(f"{client_id} {verb}: {', '.join(members) or 'nothing'}.", soft_wrap=True)
    for sentence in follows:
        out.print(sentence, soft_wrap=True)
    if secret is not None:
        out.print(f"client_secret: {secret}", soft_wrap=True)


def suspend(
    client_id: ClientArgument, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Refuse a service at every door until it is resumed; what it was given ends.

    Example: `civitas clients suspend svc_… --reason "Its contract is being renewed"`
    """
    with deployment_of(config) as deployment:
        if not _found(deployment, client_id).active:
            fail(f"{client_id} is suspended already; nothing was changed.", code=1)
        grants = supervision_of(deployment).incidents.suspend_client(client_id, reason, host())
    out.print(f"{client_id} is suspended; {grants} grants have ended.", soft_wrap=True)


def resume(
    client_id: ClientArgument, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Serve a suspended service again; people sign in anew.

    Example: `civitas clients resume svc_… --reason "Its contract was signed"`
    """
    with deployment_of(config) as deployment:
        if _found(deployment, client_id).active:
            fail(f"{client_id} is served already; nothing was changed.", code=1)
        supervision_of(deployment).incidents.resume_client(client_id, reason, host())
    out.print(f"{client_id} is served again.", soft_wrap=True)


def remove(
    client_id: ClientArgument,
    reason: ReasonOption,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Remove a service for good: its tokens and its secret end. People still read its name.

    Example: `civitas clients remove svc_… --reason "The library closed"`
    """
    with deployment_of(config) as deployment:
        client = _found(deployment, client_id)
        follows = (
            f"{client.name} is refused at every door from now on, its secret and all that it was "
            "given end, and it cannot be brought back."
        )
        if dry_run:
            out.print(f"If you go on: {follows}", soft_wrap=True, markup=False)
            return
        if not yes:
            typer.confirm(f"{follows} Go on?", abort=True, err=True)
        grants = supervision_of(deployment).managing.remove(client_id, reason, host())
    out.print(f"{client_id} is removed; {grants} grants have ended.", soft_wrap=True)


def secret(
    client_id: ClientArgument,
    reason: ReasonOption,
    overlap_hours: Annotated[
        int,
        typer.Option(
            min=0, max=168, help="How long the old secret works beside the new one; 0: it leaked."
        ),
    ] = 24,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Give a service a new secret, printed this once; the old one works on for a while.

    Example: `civitas clients secret svc_… --reason "Yearly rotation"`
    """
    with deployment_of(config) as deployment:
        overlap = timedelta(hours=overlap_hours)
        incidents = supervision_of(deployment).incidents
        value = incidents.rotate_secret(client_id, reason, host(), overlap)
    if as_json:
        print_json({"client_id": client_id, "client_secret": value})
        return
    out.print(f"client_secret: {value}", soft_wrap=True)
    works = f"for {overlap_hours} hours more" if overlap_hours else "no more"
    out.print(f"The old one works {works}.")


def invented(
    add: Annotated[
        str | None, typer.Option(help="Identifier of an invented resident, per_….")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--end", help="Who signs in at test services no more.")
    ] = None,
    reason: Annotated[
        str, typer.Option(help="Why, in a sentence; it stands in the audit.")
    ] = "For tests of services",
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List the invented residents who sign in at test services, add one, or take one off.

    Example: `civitas clients testers --add per_…`
    """
    with deployment_of(config) as deployment:
        managing = supervision_of(deployment).managing
        if add:
            managing.invent(add, reason, host())
        if end:
            managing.not_invented(end, reason, host())
        people = managing.invented()
    if as_json:
        print_json(list(people))
        return
    for person in people:
        out.print(person)
    if not people:
        out.print("Nobody is in the list: only their developers sign in at test services.")


def _found(deployment: Deployment, client_id: str) -> Client:
    clients = oauth_of(deployment).clients
    found = clients.find(client_id, deployment.runtime.clock.now())
    if found is None or found.kind == "device":
        fail(f"There is no client {client_id}. Look at the list: civitas clients list.", code=1)
    if found.removed:
        fail(f"{client_id} ({found.name}) was removed, for good.", code=1)
    return found


def _listed(values: list[str] | None) -> list[str] | None:
    """Values as given; the one word `none` is an empty list."""
    return [] if values == [NONE] else values


def _yes_or_no(word: str | None) -> bool | None:
    if word not in (None, "yes", "no"):
        fail(f"--require-pkce is {word!r}; write yes or no.")
    return None if word is None else word == "yes"
