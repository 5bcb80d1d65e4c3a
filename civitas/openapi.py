"""What the OpenAPI description says of each typed route — OpenAPI 3.1, RFC 9457.

Words come from the endpoint's own docstring; who may call comes from the route's options, as
OpenAPI's `security`: one of the alternatives must be met, each names its scopes or roles.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from foundation.web import Route

TAGS = {
    "policies": "Yes-or-no questions about people (OpenID AuthZEN), and the keys of receipts.",
    "portal": "A citizen's own consents and ledger, for their own programs.",
    "signing": "Signatures that people make at a distance, asked for by services.",
    "devices": "The device registry: registration, ownership and every step of a device's life.",
    "documents": "Documents of authorities about people: made out, asked for, fetched and checked.",
    "credentials": "Credentials of a person's wallet, which services ask to be shown.",
    "audit": "The public audit tree: checkpoints, entries and proofs. Open to everybody.",
    "civitas": "Whether this deployment is well.",
}
SCHEMAS = "#/components/schemas/"


class ProblemDocument(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str = Field(description="What was wrong.")
    where: str | None = Field(default=None, description="In which field or part.")
    next_step: str | None = Field(default=None, description="What to do now.")


class TokenRefused(BaseModel):
    """What is wrong with the access token itself — RFC 6750 §3.1."""

    error: str = Field(examples=["invalid_token"])
    error_description: str


def described(package: str, method: str, route: Route) -> dict[str, Any]:
    """Keyword arguments of `FastAPI.add_api_route` for one method of a typed route."""
    summary, description = _words(route.endpoint)
    given = {name: value for name, value in route.options.items() if value != ""}
    extra = {"x-specification": route.specification, **given.pop("openapi_extra", {})}
    security = extra.get("security", [])
    if method != "GET" and any("session" in alternative for alternative in security):
        extra["parameters"] = [*extra.get("parameters", []), _CSRF]
    return {
        "tags": [package],
        "operation_id": _operation_id(method, route.path),
        "summary": summary,
        "description": description,
        "openapi_extra": extra,
        **given,
        "responses": {**_refusals(route, security), **given.get("responses", {})},
    }


def complete(app: FastAPI, session_cookie: str) -> Callable[[], dict[str, Any]]:
    """The application's description with its tags, security schemes and problem documents."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        description = plain()
        components = description.setdefault("components", {})
        for model in (ProblemDocument, TokenRefused):
            components.setdefault("schemas", {})[model.__name__] = model.model_json_schema()
        components["securitySchemes"] = _schemes(session_cookie)
        used = {tag for o in _operations(description) for tag in o.get("tags", ())}
        description["tags"] = [
            {"name": name, "description": text} for name, text in TAGS.items() if name in used
        ]
        return description

    return openapi


def _words(endpoint: Callable[..., Any]) -> tuple[str, str]:
    """Summary and description: the first sentence of the docstring, and all of it."""
    while isinstance(endpoint, partial):
        endpoint = endpoint.func
    text = inspect.getdoc(inspect.unwrap(endpoint)) or ""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    return paragraph.partition(". ")[0].rstrip("."), text


def _operation_id(method: str, path: str) -> str:
    words = "".join(c if c.isalnum() else "_" for c in path.strip("/"))
    return f"{method.lower()}_{words}"


def _refusals(
    route: Route, security: Sequence[Mapping[str, Any]]
) -> dict[int | str, dict[str, Any]]:
    found: dict[int | str, dict[str, Any]] = {
        "4XX": _problem("What was wrong, where, and what to do."),
        503: _problem("The database does not answer; nothing was changed."),
    }
    if security:
        found[401] = _problem("The address needs to know who calls.")
        # A token that came, whatever the route asks for, is answered in its own protocol's way.
        found[401]["content"]["application/json"] = {"schema": {"$ref": f"{SCHEMAS}TokenRefused"}}
        found[403] = _problem("The caller may not do this.")
    if "{" in route.path:
        found[404] = _problem("There is no such thing, or it is not the caller's.")
    return found


def _problem(text: str) -> dict[str, Any]:
    return {
        "description": text,
        "content": {"application/problem+json": {"schema": {"$ref": f"{SCHEMAS}ProblemDocument"}}},
    }


def _schemes(session_cookie: str) -> Mapping[str, Any]:
    return {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token of /oauth/token (RFC 6750) with the scopes named; one "
            "that is bound to a key by the scheme DPoP, with a proof (RFC 9449).",
        },
        "mutualTLS": {
            "type": "mutualTLS",
            "description": "The certificate that the access token is bound to (RFC 8705).",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": session_cookie,
            "description": "A browser's session, of a citizen or of staff with the roles named.",
        },
    }


def _operations(description: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [o for methods in description["paths"].values() for o in methods.values()]


_CSRF: Mapping[str, Any] = {
    "name": "X-CSRF-Token",
    "in": "header",
    "required": False,
    "description": "Needed with a session: the token that every page's forms carry.",
    "schema": {"type": "string"},
}
