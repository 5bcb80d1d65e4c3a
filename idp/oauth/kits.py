"""What well-known programs need to be registered for, and their configuration ready to paste.

Each is a file of `data/kits/`: a new kind is data. Members are those of RFC 7591 §2 by short names;
a text has `@issuer@` and the like in it, since braces and dollars mean something in most of them.
"""

from __future__ import annotations

import json
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from foundation.errors import Unprocessable
from idp.oauth.client import Client

_ADDRESS = re.compile(r"https?://[A-Za-z0-9.\-_~:\[\]]+(/[A-Za-z0-9.\-_~/%]*)?")
_PLACE = re.compile(r"@([a-z0-9_]+)@")


@dataclass(frozen=True, slots=True)
class Snippet:
    """A file, or a part of one, that somebody pastes."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Kit:
    """One kind of program. `url`: what its address means, empty where it has none. `under`: what
    must be in that address, `usually_under` what is added where it is not. `redirects` and
    `after_sign_out`: paths behind the address, or whole URIs. `by_key`: its tokens are bound to a
    key of its own (RFC 9449). `details`: what it may ask to be allowed (RFC 9396). `purposes`: what
    for, where its kind says that already."""

    name: str
    title: str
    files: tuple[Snippet, ...]
    redirects: tuple[str, ...]
    after_sign_out: tuple[str, ...] = ()
    method: str = "client_secret_basic"
    url: str = "of the service, such as https://my.service"
    under: str = ""
    usually_under: str = ""
    scope: str = "openid profile email"
    grants: tuple[str, ...] = ("authorization_code", "refresh_token")
    pkce: bool = True
    id_token_alg: str = "RS256"
    by_key: bool = False
    details: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    note: str = ""

    def address(self, url: str | None) -> str:
        """The address that its paths stand behind. Raises Unprocessable that says what to write."""
        if not self.url:
            return ""
        written = (url or "").strip().rstrip("/")
        if not _ADDRESS.fullmatch(written):
            raise Unprocessable(
                f"{written!r} is no address that we can use."
                if written
                else f"Its address is needed: the one {self.url}.",
                where="url",
                next_step=f"Write all of the address {self.url}: with https:// and without a "
                "question mark.",
            )
        return written if self.under in written else written + self.usually_under

    def metadata(self, url: str | None) -> dict[str, Any]:
        """What it is registered for, but for its name and purposes."""
        base = self.address(url)
        metadata: dict[str, Any] = {
            "redirect_uris": [_behind(base, path) for path in self.redirects],
            "post_logout_redirect_uris": [_behind(base, path) for path in self.after_sign_out],
            "token_endpoint_auth_method": self.method,
            "grant_types": list(self.grants),
            "scope": self.scope,
            "id_token_signed_response_alg": self.id_token_alg,
        }
        if self.by_key:
            metadata["dpop_bound_access_tokens"] = True
        if self.details:
            metadata["authorization_details_types"] = list(self.details)
        if self.purposes:
            metadata["purposes"] = list(self.purposes)
        return metadata if self.pkce else {**metadata, "require_pkce": False}

    def printed(
        self, client: Client, secret: str | None, issuer: str, url: str | None
    ) -> tuple[Snippet, ...]:
        """Its configuration, with the values of this client."""
        listed = [scope for scope in self.scope.split() if scope in client.scopes]
        listed += sorted(client.scopes - set(listed))
        base = self.address(url)
        values = {
            "issuer": issuer,
            "name": json.dumps(client.name, ensure_ascii=False)[1:-1],
            "client_id": client.id,
            "client_secret": secret or "",
            "url": base,
            "url_encoded": quote(base, safe=""),
            "redirect_uri": (*client.redirect_uris, "")[0],
            "scope": " ".join(listed),
            "scope_list": ", ".join(listed),
            "scope_quoted": ", ".join(f'"{scope}"' for scope in listed),
            # Some libraries write this one themselves, and twice would be refused.
            "scope_but_openid_quoted": ", ".join(f'"{s}"' for s in listed if s != "openid"),
            # openid-client refuses an issuer over plain http unless it is told.
            "plain_http": ""
            if issuer.startswith("https:")
            else ", undefined, { execute: [client.allowInsecureRequests] }",
            "issuer_host": urlsplit(issuer).netloc,
            "over_tls": "true" if base.startswith("https:") else "false",
            "sign_out_encoded": quote(_sign_out(client, issuer, base), safe=""),
            "random": secrets.token_urlsafe(32),
            "random32": secrets.token_hex(16),
        }
        return tuple(replace(one, text=_filled(one.text, values)) for one in self.files) + (
            (Snippet("", _filled(self.note, values)),) if self.note else ()
        )


def _sign_out(client: Client, issuer: str, base: str) -> str:
    """For who keeps no ID token: then the person is asked first (RP-Initiated Logout §2)."""
    back = {"client_id": client.id, "post_logout_redirect_uri": f"{base}/"}
    return f"{issuer}/oauth/end-session?{urlencode(back)}"


def _behind(base: str, path: str) -> str:
    return path if "://" in path else base + path


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: values[place.group(1)], text).strip("\n")


@cache
def kits() -> Mapping[str, Kit]:
    """All of them, by name."""
    folder = files("idp.oauth").joinpath("data", "kits")
    found = (f for f in folder.iterdir() if f.name.endswith(".toml"))
    read = {f.name.removesuffix(".toml"): tomllib.loads(f.read_text("utf-8")) for f in found}
    return {name: _kit(name, read[name]) for name in sorted(read)}


def kit(name: str) -> Kit:
    """The one of that name. Raises Unprocessable that lists those that there are."""
    found = kits().get(name)
    if found is None:
        raise Unprocessable(
            f"There is no kind of service {name!r}; there are {', '.join(kits())}.", where="for"
        )
    return found


def _kit(name: str, data: Mapping[str, Any]) -> Kit:
    told: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    told["files"] = tuple(Snippet(one["name"], one["text"]) for one in data["files"])
    return Kit(name=name, **told)
