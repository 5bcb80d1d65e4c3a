"""A small e-service: an ordinary OpenID Connect client that knows nothing of how we are built.

It signs people in with Authlib from discovery alone, looks at each visit whether it still may
know what it knows, and asks yes/no questions where they are answered. Run as
`python -m civitas.demo.eservice`; its settings come from the environment.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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

from civitas.demo.papers import Papers, Refused
from civitas.demo.questions import NotOffered, Questions
from civitas.demo.visits import Ended, Issuer, Visit, Visits

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
_NOBODY = "Your identity service does not answer just now. Try again in a moment."
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
    apply_at: str = ""
    """Where somebody who has no identity applies for one; empty where nobody can online."""


class Library:
    """The pages, and what they keep in mind."""

    def __init__(self, service: EService) -> None:
        self.service = service
        oauth = OAuth()
        self.civitas = oauth.register(
            "civitas",
            server_metadata_url=f"{service.issuer}/.well-known/openid-configuration",
            client_id=service.client_id,
            client_secret=service.client_secret,
            client_kwargs={"scope": service.scope, "code_challenge_method": "S256"},
        )
        self.questions = Questions(
            service.issuer, service.client_id, service.client_secret, service.purpose
        )
        self.papers = Papers(
            service.issuer,
            service.client_id,
            service.client_secret,
            f"{service.url}/certificate",
        )
        self.visits = Visits()

    async def home(self, request: Request) -> Response:
        """What we know, looked at anew each time; or that we know nothing any more."""
        visit = self.visits.find(request.session.get("visit"))
        if visit is None:
            return self._page("home.html", person=None, deleted=request.session.get("deleted"))
        before, unsure = _learned(visit.person), False
        try:
            await (await self._issuer()).look(visit)
        except Ended:
            self.visits.forget(request.session.pop("visit", None))
            request.session["deleted"] = list(before)
            return self._page("home.html", person=None, deleted=list(before))
        except (httpx.HTTPError, ValueError):
            unsure = True
        learned = _learned(visit.person)
        return self._page(
            "home.html",
            person=visit.person,
            learned=learned,
            deleted=[label for label in before if label not in learned],
            unsure=unsure,
            questions=QUESTIONS if await self.questions.offered() else {},
            papers=await self.papers.offered(),
        )

    async def sign_in(self, request: Request) -> Response:
        try:
            answer: Response = await self.civitas.authorize_redirect(
                request, f"{self.service.url}/callback", nonce=secrets.token_urlsafe(16)
            )
        except httpx.HTTPError:
            return self._page("refused.html", 503, error="", why=_NOBODY)
        return answer

    async def callback(self, request: Request) -> Response:
        try:
            tokens = await self.civitas.authorize_access_token(request)
            visit = Visit(dict(tokens.pop("userinfo")), {}, dict(tokens))
            await (await self._issuer()).look(visit)
        except OAuthError as error:
            return self._page("refused.html", 403, error=error.error, why=error.description)
        except (httpx.HTTPError, Ended):
            return self._page("refused.html", 503, error="", why=_NOBODY)
        self.visits.forget(request.session.get("visit"))
        request.session.clear()
        request.session["visit"] = self.visits.keep(visit)
        return RedirectResponse("/", 303)

    async def ask(self, request: Request) -> Response:
        claim = request.path_params["claim"]
        visit = self.visits.find(request.session.get("visit"))
        if visit is None or claim not in QUESTIONS:
            return RedirectResponse("/", 303)
        try:
            answer = await self.questions.ask(visit.proven["sub"], claim)
        except NotOffered:
            answer = {"detail": "Your identity service does not answer such questions."}
        except (httpx.HTTPError, ValueError):
            answer = {"detail": _NOBODY}
        return self._page("answer.html", question=QUESTIONS[claim], answer=answer)

    async def ask_for_certificate(self, request: Request) -> Response:
        visit = self.visits.find(request.session.get("visit"))
        if visit is None:
            return RedirectResponse("/", 303)
        try:
            return RedirectResponse(await self.papers.ask(visit.proven["sub"]), 303)
        except (Refused, httpx.HTTPError) as why:
            return self._page("paper.html", told=None, why=_said(why))

    async def certificate(self, request: Request) -> Response:
        """The person came back from picking."""
        visit = self.visits.find(request.session.get("visit"))
        if visit is None:
            return RedirectResponse("/", 303)
        try:
            told = await self.papers.fetch(request.query_params.get("request_id", ""))
        except (Refused, httpx.HTTPError) as why:
            return self._page("paper.html", told=None, why=_said(why))
        return self._page("paper.html", told=told, why="")

    async def sign_out(self, request: Request) -> Response:
        visit = self.visits.forget(request.session.get("visit"))
        request.session.clear()
        if visit is not None:
            with contextlib.suppress(httpx.HTTPError):
                await (await self._issuer()).give_back(visit)
        return RedirectResponse("/", 303)

    async def _issuer(self) -> Issuer:
        metadata = await self.civitas.load_server_metadata()
        return Issuer(metadata, self.service.client_id, self.service.client_secret)

    def _page(self, template: str, status: int = 200, **context: Any) -> Response:
        rendered = _templates.get_template(template).render(service=self.service, **context)
        return HTMLResponse(rendered, status, headers={"Cache-Control": "no-store"})


def application(service: EService) -> Starlette:
    """The e-service as an ASGI application."""
    library = Library(service)
    return Starlette(
        routes=[
            Route("/", library.home),
            Route("/sign-in", library.sign_in, methods=["GET", "POST"]),
            Route("/callback", library.callback),
            Route("/ask/{claim}", library.ask, methods=["GET", "POST"]),
            Route("/certificate", library.ask_for_certificate, methods=["POST"]),
            Route("/certificate", library.certificate),
            Route("/sign-out", library.sign_out, methods=["POST"]),
            Route("/eservice.css", _style),
            Route("/eservice.js", _script),
            Route("/emblem.svg", _emblem),
        ],
        middleware=[
            Middleware(
                SessionMiddleware,
                secret_key=secrets.token_urlsafe(32),
                # A cookie is a host's, whatever the port: two demos share localhost.
                session_cookie=f"eservice-{urlsplit(service.url).port or 'web'}",
                https_only=service.url.startswith("https://"),
            )
        ],
    )


async def _style(request: Request) -> Response:
    return FileResponse(PAGES / "eservice.css", media_type="text/css")


async def _script(request: Request) -> Response:
    return FileResponse(PAGES / "eservice.js", media_type="text/javascript")


async def _emblem(request: Request) -> Response:
    return FileResponse(PAGES / "emblem.svg", media_type="image/svg+xml")


def _said(why: Exception) -> str:
    return str(why) if isinstance(why, Refused) else _NOBODY


def _learned(person: dict[str, Any] | None) -> dict[str, str]:
    """What we know of a person, in words that they understand; protocol members left out."""
    return {
        label: {True: "yes", False: "no"}.get(person[name], person[name])
        for name, label in LABELS.items()
        if person is not None and name in person
    }


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
        apply_at=e.get("ESERVICE_APPLY_AT", ""),
    )


if __name__ == "__main__":
    chosen = from_environment()
    host, _, port = chosen.url.removeprefix("http://").partition(":")
    uvicorn.run(application(chosen), host=host, port=int(port), log_level="warning")
