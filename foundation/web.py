"""Routes, strict parsing, and the port `principal(request)`: what every endpoint stands on.

The body was read and capped by the middleware before an endpoint runs, so parsing is synchronous.
A repeated parameter is an error everywhere (RFC 6749 §3.1, §3.2).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from foundation.bodies import Body
from foundation.browser import (
    browser_id,
    browser_ids,
    check_csrf,
    check_origin,
    cookie,
    cookie_name,
    csrf_token,
    delete_cookie,
    delete_surplus,
    family,
    is_from_elsewhere,
    set_cookie,
    surplus,
)
from foundation.cross_origin import CrossOrigin
from foundation.errors import (
    BadRequest,
    CivitasError,
    Forbidden,
    Problem,
    SeeOther,
    SignedOut,
    Unauthorized,
    UnsupportedMediaType,
    wants_page,
)
from foundation.event_loop import on_loop, wait
from foundation.marking import N_, Sentence
from foundation.peer import (
    client_address,
    client_certificate,
    client_network,
    has_unknown_origin,
    is_secure,
    tls_unique,
)

__all__ = [
    "Context",
    "Form",
    "Principal",
    "Route",
    "browser_id",
    "browser_ids",
    "check_csrf",
    "check_origin",
    "client_address",
    "client_certificate",
    "client_network",
    "cookie",
    "cookie_name",
    "csrf_token",
    "delete_cookie",
    "delete_surplus",
    "family",
    "form",
    "has_unknown_origin",
    "is_from_elsewhere",
    "is_secure",
    "json_object",
    "principal",
    "query",
    "require",
    "set_cookie",
    "surplus",
    "tls_unique",
    "upload",
]

MOST_PARAMETERS = 100
_FOR_ROLE = {
    "officer": N_("This page is for registration officers; your role is another one."),
    "operator": N_("This page is for operators; your role is another one."),
    "auditor": N_("This page is for auditors; your role is another one."),
    "developer": N_("This page is for developers of services; your role is another one."),
    "regulator": N_("This page is for the regulator’s officers; your role is another one."),
}
_FOR_OTHERS = N_("This is not open to you.")
_ASK = N_(
    "Nothing was changed. The start page leads to your own work; ask an operator if you need this "
    "page as well."
)
Refusal = Callable[[str], CivitasError]


@dataclass(frozen=True)
class Route:
    """One endpoint: where it is, what answers, and the specification that says how.

    `endpoint` takes a Request and gives a Response; with `api=True` it is a typed FastAPI
    endpoint that shows in the OpenAPI page. `max_body` (bytes): a cap other than the general one; a
    route with a higher one has `admits`, which is asked before a large body is read: it knows the
    head alone, and raises for who may not. `hashes`: a password is hashed behind it, so it waits
    in the queue for that. `light`: it waits for no turn. `in_thread`: why it has a thread
    instead of the event loop (decision 40): it computes for long. `cross_origin`: which pages of
    other origins read what is answered at this path, whatever it is and whoever answers.
    `asks_first`: its acts that cannot be undone; each is asked for twice (`pages.ask_first`).
    `says`: the protocol's own form of what is refused around the endpoint, such as an outage.
    """

    methods: tuple[str, ...]
    path: str
    endpoint: Callable[..., Any]
    specification: str
    api: bool = False
    max_body: int | None = None
    admits: Callable[[Request], object] | None = None
    hashes: bool = False
    light: bool = False
    in_thread: str = ""
    cross_origin: CrossOrigin | None = None
    says: Callable[[Request, Problem], CivitasError] | None = None
    asks_first: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Principal:
    """Who calls, as far as it was proven. `level` is that of ISO/IEC 29115 (0: none)."""

    kind: str
    id: str
    roles: frozenset[str] = frozenset()
    level: int = 0
    session: str | None = None
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Context:
    """What the middleware lays beside every request, as `scope["civitas"]`."""

    origins: frozenset[str]
    cookie_tag: str
    secure_cookies: bool
    trusted_proxies: tuple[str, ...]
    mac: Callable[[str, bytes], bytes]
    who: Callable[[Request], Principal | None]
    client_certificate_header: str | None = None
    sign_in_path: str = "/sign-in"
    resource_metadata: Callable[[str], str | None] = lambda path: None
    """Where the metadata of the protected resource at a path is — RFC 9728 §5.1."""
    way_back: Callable[[Request, str | None], object] = lambda request, errand: None
    """To the service that sent the person (`pages.WayBack`), from a page that ends the way there;
    the errand is where they would have gone on, if the request does not say it."""
    signed_out: Callable[[str], str] = lambda session: ""
    """What the page after a sign-out is told of the session that ends, so that it shows what
    `frames` says; empty where there is nothing to show."""
    frames: Callable[[Request], Sequence[str]] = lambda request: ()
    """Addresses of pages that the page after a sign-out shows, to have services sign out."""

    def cookie_name(self, name: str) -> str:
        """Cookies are shared across ports, so each issuer has names of its own (rule 11)."""
        prefix = "__Host-" if self.secure_cookies else ""
        return f"{prefix}civitas-{self.cookie_tag}-{name}"


class Form(Mapping[str, str]):
    """Parameters that have a value — RFC 6749 §3.1, §3.2.

    One without a value reads as if it were not there. One that is repeated is refused when it is
    read: what nobody reads is not known here, and ignored.
    """

    def __init__(
        self,
        values: Mapping[str, str],
        repeated: Collection[str] = (),
        error: Refusal = BadRequest,
    ) -> None:
        self._values = dict(values)
        self._repeated = frozenset(repeated)
        self._error = error

    def __getitem__(self, name: str) -> str:
        if name in self._repeated:
            raise self._error(N_("The parameter %(name)s is repeated.", name=name))
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def required(self, name: str, error: Refusal = BadRequest) -> str:
        """The value, which must be there."""
        value = self.get(name, "")
        if not value:
            raise error(N_("The parameter %(name)s is missing.", name=name))
        return value


def body(request: Request) -> bytes:
    """The whole body, already capped."""
    content: Body | None = request.scope.get("civitas.body")
    return content.whole() if content is not None else b""


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";", 1)[0].strip().lower()


def form(request: Request, error: Refusal = BadRequest) -> Form:
    """The parameters of an `application/x-www-form-urlencoded` body."""
    if media_type(request) != "application/x-www-form-urlencoded":
        raise error(N_("Send the body as application/x-www-form-urlencoded."))
    return _parse(body(request), "body", error)


def query(request: Request, error: Refusal = BadRequest) -> Form:
    """The parameters of the query string."""
    return _parse(request.scope.get("query_string", b""), "query string", error)


def json_object(request: Request, error: Refusal = BadRequest) -> dict[str, Any]:
    """The JSON object of an `application/json` body; a repeated member is refused."""
    if media_type(request) != "application/json":
        raise UnsupportedMediaType("Send the body as application/json.")
    return object_in(body(request), error)


def object_in(raw: bytes, error: Refusal = BadRequest) -> dict[str, Any]:
    """The JSON object that these bytes of a body are; a repeated member is refused."""
    try:
        value = json.loads(raw, object_pairs_hook=_unrepeated)
    except (ValueError, RecursionError) as problem:
        raise error(N_("The body is not valid JSON: %(problem)s.", problem=problem)) from None
    if not isinstance(value, dict):
        raise error(N_("The body must be a JSON object."))
    return value


def upload(request: Request) -> tuple[Form, dict[str, tuple[str, bytes]]]:
    """Fields and files of a `multipart/form-data` body; files as (file name, content)."""
    if media_type(request) != "multipart/form-data":
        raise UnsupportedMediaType("Send the body as multipart/form-data.")

    content: Body = request.scope.get("civitas.body") or Body()
    parts = _parts(request.headers, content)
    return asyncio.run(parts) if on_loop() is None else wait(parts)


async def _parts(headers: Headers, content: Body) -> tuple[Form, dict[str, tuple[str, bytes]]]:
    async def chunks() -> AsyncGenerator[bytes, None]:
        for chunk in content.chunks():
            yield chunk

    fields: dict[str, str] = {}
    files: dict[str, tuple[str, bytes]] = {}
    parser = MultiPartParser(headers, chunks(), max_files=4, max_fields=MOST_PARAMETERS)
    # Never on disk: it would lie there in clear.
    parser.spool_max_size = content.size + 1
    try:
        parts = await parser.parse()
    except MultiPartException as problem:
        raise BadRequest(
            N_("The form cannot be read: %(message)s", message=problem.message), where="body"
        ) from None
    try:
        for name, value in parts.multi_items():
            if name in fields or name in files:
                raise BadRequest(N_("The parameter %(name)s is repeated.", name=name), where=name)
            if isinstance(value, UploadFile):
                files[name] = (value.filename or "", await value.read())
            else:
                fields[name] = value
    finally:
        await parts.close()
    return Form(fields), files


def principal(request: Request) -> Principal | None:
    """Who calls, or None. Asked once a request; answered by `idp`, which `civitas` plugs in."""
    if "civitas.principal" not in request.scope:
        request.scope["civitas.principal"] = request.scope["civitas"].who(request)
    found: Principal | None = request.scope["civitas.principal"]
    return found


def after_sign_out(request: Request, done: str) -> str:
    """The address of the page after the sign-out of who is there now: it tells the page which
    session that was, where there is something to show for it."""
    there = principal(request)
    mark = there and there.session and request.scope["civitas"].signed_out(there.session)
    return f"{done}{'&' if '?' in done else '?'}{urlencode({'of': mark})}" if mark else done


_CALLERS = {
    "citizen": N_("citizens"),
    "staff": N_("members of staff"),
    "service": N_("services"),
    "device": N_("devices"),
    "federated": N_("services of a federation"),
}


def _callers(kind: str) -> Sentence:
    return Sentence(_CALLERS.get(kind, kind), {})


def _open_to(kinds: tuple[str, ...]) -> str:
    one, *others = map(_callers, kinds)
    if not others:
        return N_("It is for %(callers)s.", callers=one)
    return N_("It is for %(callers)s or %(others)s.", callers=one, others=others[0])


def require(
    request: Request,
    *,
    kind: str | tuple[str, ...] | None = None,
    role: str | None = None,
    scope: str | None = None,
) -> Principal:
    """The principal, who must be of `kind`, and hold `role` (staff) or `scope` (services).

    A browser without a session is sent to sign in; a program gets 401 or 403 (RFC 6750 §3).
    """
    found = principal(request)
    kinds = (kind,) if isinstance(kind, str) else kind
    if found is None:
        if wants_page(request) and request.method == "GET":
            raise SeeOther(_sign_in(request))
        if wants_page(request) and (left := _page_left_open(request)):
            raise SignedOut(f"{request.scope['civitas'].sign_in_path}?{left}")
        raise Unauthorized(
            "This address needs to know who calls.",
            next_step="Send a valid access token, or sign in first.",
            headers={"WWW-Authenticate": challenge(request)},
        )
    if found.kind == "staff" and not found.roles and wants_page(request):
        # Staff hold their roles only after the proof that their work asks for: sign-in takes
        # them through it, and back here.
        raise SeeOther(_sign_in(request))
    if kinds and found.kind not in kinds:
        raise Forbidden(
            N_("This is not open to %(callers)s.", callers=_callers(found.kind)),
            next_step=_open_to(kinds),
        )
    if role is not None and found.kind == "staff" and role not in found.roles:
        # Perhaps it was taken away while the page was open: say so, and where to go.
        raise Forbidden(_FOR_ROLE.get(role, _FOR_OTHERS), next_step=_ASK)
    if scope is not None and found.kind != "staff" and scope not in found.scopes:
        raise Forbidden(
            N_("The access token lacks the scope %(scope)s.", scope=scope),
            next_step=N_("Ask for a token with the scope %(scope)s.", scope=scope),
            headers={
                "WWW-Authenticate": challenge(request, error="insufficient_scope", scope=scope)
            },
        )
    return found


def challenge(request: Request, scheme: str = "Bearer", **said: str) -> str:
    """WWW-Authenticate for an access token (RFC 6750 §3, RFC 9449 §7.1), with where a program
    learns who gives tokens for this address, and with which scopes (RFC 9728 §5.1), if there is
    such a place."""
    if found := request.scope["civitas"].resource_metadata(request.url.path):
        said["resource_metadata"] = found
    return (f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in said.items())).strip()


def _page_left_open(request: Request) -> str:
    """Where to go on after sign-in: the page of ours whose form was sent; empty if it says none."""
    came_from = urlsplit(request.headers.get("referer", ""))
    if f"{came_from.scheme}://{came_from.netloc}" not in request.scope["civitas"].origins:
        return ""
    path = came_from.path + (f"?{came_from.query}" if came_from.query else "")
    return urlencode({"return_to": path or "/"})


def _sign_in(request: Request) -> str:
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"{request.scope['civitas'].sign_in_path}?{urlencode({'return_to': back})}"


def _parse(raw: bytes, where: str, error: Refusal) -> Form:
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            errors="strict",
            max_num_fields=MOST_PARAMETERS,
        )
    except (ValueError, UnicodeDecodeError):
        raise error(f"The {where} is not valid form encoding.") from None
    values: dict[str, str] = {}
    repeated: set[str] = set()
    for name, value in pairs:
        if name in values:
            repeated.add(name)
        if "\0" in name or "\0" in value:
            raise error(f"The parameter {name!r} holds a NUL character.")
        values[name] = value
    return Form(values, repeated, error)


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"the member {name!r} is repeated")
        members[name] = value
    return members
