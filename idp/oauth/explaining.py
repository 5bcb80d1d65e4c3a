"""What we know of a refusal beyond what the caller is told, for the owner of the service.

A list of explanations: the first that knows anything is taken. None of them says anything of a
person: they compare what was sent with what is registered, and of what was sent they repeat the
words of protocols alone, and addresses at hosts of the service itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from foundation import web
from foundation.errors import CivitasError
from idp.oauth import redirects
from idp.oauth.client import Client

Explain = Callable[[Client, CivitasError, Mapping[str, str]], str | None]


def why(client: Client, error: CivitasError, request: Request) -> str:
    """A sentence or two; empty where what was told says it all."""
    sent = _sent(request)
    return next((told for one in EXPLANATIONS if (told := one(client, error, sent))), "")


def _suspended(client: Client, error: CivitasError, sent: Mapping[str, str]) -> str | None:
    return None if client.active else "This service is suspended: ask the operator why."


def _not_authenticated(client: Client, error: CivitasError, sent: Mapping[str, str]) -> str | None:
    if error.told[1] != "invalid_client":
        return None
    known = error.detail if isinstance(error.detail, str) else ""
    told = [f"{known[0].upper()}{known[1:]}."] if known else []
    told.append(f"It is registered for {client.token_endpoint_auth_method}.")
    secret = sent.get("client_secret", "")
    if secret != secret.strip():
        told.append("The secret that came has a space or a line break at its end.")
    if "secret is wrong" in known and client.previous_secret_until is not None:
        until = f"{client.previous_secret_until:%Y-%m-%d %H:%M} UTC"
        told.append(f"Its secret was replaced; the one before worked until {until}.")
    return " ".join(told)


def _redirect_uri(client: Client, error: CivitasError, sent: Mapping[str, str]) -> str | None:
    uri = sent.get("redirect_uri")
    if getattr(error, "where", None) != "redirect_uri":
        return None
    if uri is None:
        return "The request has no redirect_uri."
    if not client.redirect_uris:
        return "It has no redirect URI registered."
    closest = min(client.redirect_uris, key=lambda known: _distance(known, uri))
    return f"It came with {_fit_to_show(client, uri)}. {_difference(closest, uri)}"


def _difference(known: str, uri: str) -> str:
    try:
        ours, theirs = urlsplit(known), urlsplit(uri)
        port = theirs.port
    except ValueError:
        return "That is no address."
    if ours.scheme != theirs.scheme:
        return f"Registered is {known}, with {ours.scheme}."
    if ours.hostname != theirs.hostname:
        return f"The host is another one than that of {known}."
    if ours.port != port:
        return f"The port is another one than that of {known}."
    if ours.path.rstrip("/") == theirs.path.rstrip("/") and ours.path != theirs.path:
        return f"Registered is {known}: the slash at the end counts."
    if ours.path.lower() == theirs.path.lower() and ours.path != theirs.path:
        return f"Registered is {known}: capital letters count."
    if ours.path == theirs.path:
        return f"Registered is {known}: what follows the path counts too."
    return f"Registered is {known}: the path is another one."


def _distance(known: str, uri: str) -> int:
    """In how much of its beginning an address is another one."""
    same = next((n for n, (a, b) in enumerate(zip(known, uri, strict=False)) if a != b), None)
    return -(min(len(known), len(uri)) if same is None else same)


def _fit_to_show(client: Client, uri: str) -> str:
    """An address at a host of its own as far as its path; of others the host alone."""
    try:
        parts = urlsplit(uri)
        hosts = {redirects.host(known) for known in client.redirect_uris}
        own = parts.hostname is not None and redirects.host(uri) in hosts
    except ValueError:
        return "something that is no address"
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" + (parts.path if own else "/…")
    return shown[:200] if shown.isprintable() else "an address that cannot be shown"


EXPLANATIONS: tuple[Explain, ...] = (_suspended, _not_authenticated, _redirect_uri)


def _sent(request: Request) -> Mapping[str, str]:
    query = request.scope.get("query_string", b"")[:65_536]
    sent = dict(parse_qsl(query.decode("utf-8", "replace")))
    if web.media_type(request) == "application/x-www-form-urlencoded":
        sent |= dict(parse_qsl(web.body(request)[:65_536].decode("utf-8", "replace")))
    return sent
