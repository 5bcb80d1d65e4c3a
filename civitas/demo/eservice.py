"""A small e-service: an ordinary OpenID Connect client that knows nothing of how we are built.

It signs people in with Authlib from discovery alone, and asks yes/no questions at the AuthZEN
door. Run as `python -m civitas.demo.eservice`; its settings come from the environment.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from authlib.integrations.starlette_client import OAuth, OAuthError
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

QUESTIONS = {
    "age_over_18": "Is this person 18 or older?",
    "resident_of_city": "Does this person live in the city?",
}
LABELS = {
    "given_name": "Given name",
    "family_name": "Family name",
    "name": "Full name",
    "birthdate": "Date of birth",
    "age_over_18": "18 or older",
    "resident_of_city": "Lives in the city",
    "locality": "City",
    "address": "Address",
    "email": "E-mail",
    "sub": "Your number here, and nowhere else",
    "acr": "How well your identity was proven",
}
PAGES = Path(__file__).parent / "pages"
_templates = Environment(loader=FileSystemLoader(PAGES), autoescape=True)


@dataclass(frozen=True)
class EService:
    """What `civitas clients add` printed, and where we listen."""

    issuer: str
    client_id: str
    client_secret: str
    url: str
    name: str
    purpose: str
    scope: str


def application(service: EService) -> Starlette:
    """The e-service as an ASGI application."""
    oauth = OAuth()
    oauth.register(
        "civitas",
        server_metadata_url=f"{service.issuer}/.well-known/openid-configuration",
        client_id=service.client_id,
        client_secret=service.client_secret,
        client_kwargs={"scope": service.scope, "code_challenge_method": "S256"},
    )

    def page(template: str, status: int = 200, **context: Any) -> Response:
        rendered = _templates.get_template(template).render(service=service, **context)
        return HTMLResponse(rendered, status)

    async def home(request: Request) -> Response:
        person = request.session.get("person")
        return page("home.html", person=person, learned=_learned(person), questions=QUESTIONS)

    async def sign_in(request: Request) -> Response:
        answer: Response = await oauth.civitas.authorize_redirect(
            request, f"{service.url}/callback", nonce=secrets.token_urlsafe(16)
        )
        return answer

    async def callback(request: Request) -> Response:
        try:
            token = await oauth.civitas.authorize_access_token(request)
        except OAuthError as error:
            return page("refused.html", 403, error=error.error, why=error.description)
        person = dict(token["userinfo"])
        person |= await oauth.civitas.userinfo(token=token)
        request.session["person"] = person
        request.session["id_token"] = token["id_token"]
        return RedirectResponse("/", 303)

    async def ask(request: Request) -> Response:
        claim = request.path_params["claim"]
        person = request.session.get("person")
        if person is None or claim not in QUESTIONS:
            return RedirectResponse("/", 303)
        answer = await _evaluate(service, person["sub"], claim)
        return page("answer.html", question=QUESTIONS[claim], answer=answer)

    async def sign_out(request: Request) -> Response:
        request.session.clear()
        return RedirectResponse("/", 303)

    return Starlette(
        routes=[
            Route("/", home),
            Route("/sign-in", sign_in, methods=["GET", "POST"]),
            Route("/callback", callback),
            Route("/ask/{claim}", ask, methods=["GET", "POST"]),
            Route("/sign-out", sign_out, methods=["POST"]),
            Route("/eservice.css", _style),
            Route("/emblem.svg", _emblem),
        ],
        middleware=[
            Middleware(
                SessionMiddleware,
                secret_key=secrets.token_urlsafe(32),
                session_cookie="eservice",
                https_only=service.url.startswith("https://"),
            )
        ],
    )


async def _style(request: Request) -> Response:
    return FileResponse(PAGES / "eservice.css", media_type="text/css")


async def _emblem(request: Request) -> Response:
    return FileResponse(PAGES / "emblem.svg", media_type="image/svg+xml")


def _learned(person: dict[str, Any] | None) -> dict[str, str]:
    """What we know of a person, in words that they understand; protocol members left out."""
    return {
        label: {True: "yes", False: "no"}.get(person[name], person[name])
        for name, label in LABELS.items()
        if person is not None and name in person
    }


async def _evaluate(service: EService, sub: str, claim: str) -> dict[str, Any]:
    """Ask the AuthZEN door, as ourselves, about one of our own users."""
    async with httpx.AsyncClient(timeout=10) as client:
        discovery = await client.get(f"{service.issuer}/.well-known/authzen-configuration")
        token = await client.post(
            f"{service.issuer}/oauth/token",
            data={"grant_type": "client_credentials", "scope": "access:evaluate"},
            auth=(service.client_id, service.client_secret),
        )
        answer = await client.post(
            discovery.json()["access_evaluation_endpoint"],
            json={
                "subject": {"type": "person", "id": sub},
                "action": {"name": "verify"},
                "resource": {"type": "claim", "id": claim},
                "context": {"purpose": service.purpose},
            },
            headers={"Authorization": f"Bearer {token.json().get('access_token', '')}"},
        )
        body: dict[str, Any] = answer.json()
        return body


def from_environment() -> EService:
    e = os.environ
    return EService(
        issuer=e["ESERVICE_ISSUER"],
        client_id=e["ESERVICE_CLIENT_ID"],
        client_secret=e["ESERVICE_CLIENT_SECRET"],
        url=e["ESERVICE_URL"],
        name=e["ESERVICE_NAME"],
        purpose=e["ESERVICE_PURPOSE"],
        scope=e["ESERVICE_SCOPE"],
    )


if __name__ == "__main__":
    chosen = from_environment()
    host, _, port = chosen.url.removeprefix("http://").partition(":")
    uvicorn.run(application(chosen), host=host, port=int(port), log_level="warning")
