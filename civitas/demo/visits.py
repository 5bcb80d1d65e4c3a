"""What the e-service keeps of its visitors, and how it learns that it has to forget them.

It asks userinfo each time its page is loaded: a token that ended (a withdrawal, a sign-out) ends
the visit, and everything that was learned goes with it — RFC 6750 §3.1, RFC 6749 §5.2.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

MOST = 1000
"""Visits that are kept; the oldest is forgotten for one more."""


@dataclass
class Visit:
    """Who is signed in, and by which tokens: in this process's memory and nowhere else."""

    proven: dict[str, Any]
    learned: dict[str, Any]
    tokens: dict[str, Any]
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Two tabs must not use one refresh token at once: that would end it."""

    @property
    def person(self) -> dict[str, Any]:
        return {**self.proven, **self.learned}


class Visits:
    """The visits by the names that browsers keep in their cookie."""

    def __init__(self) -> None:
        self._kept: dict[str, Visit] = {}

    def keep(self, visit: Visit) -> str:
        while len(self._kept) >= MOST:
            self._kept.pop(next(iter(self._kept)))
        name = secrets.token_urlsafe(16)
        self._kept[name] = visit
        return name

    def find(self, name: str | None) -> Visit | None:
        return None if name is None else self._kept.get(name)

    def forget(self, name: str | None) -> Visit | None:
        return None if name is None else self._kept.pop(name, None)


class Ended(Exception):
    """The person withdrew, signed out, or was signed out: nothing of them may be kept."""


@dataclass(frozen=True)
class Issuer:
    """The endpoints of the identity service, as its metadata names them."""

    metadata: Mapping[str, Any]
    client_id: str
    client_secret: str

    async def look(self, visit: Visit) -> None:
        """Learn anew what may be known now. Raises Ended, and httpx.HTTPError when nobody says."""
        async with visit.asking, httpx.AsyncClient(timeout=10) as http:
            answer = await self._userinfo(http, visit)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                await self._refresh(http, visit)
                answer = await self._userinfo(http, visit)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                raise Ended
            answer.raise_for_status()
            said = answer.json()
            if said.get("sub") != visit.proven["sub"]:  # OpenID Connect Core §5.3.2
                raise Ended
            visit.learned = said

    async def _userinfo(self, http: httpx.AsyncClient, visit: Visit) -> httpx.Response:
        token = visit.tokens["access_token"]
        return await http.get(
            self.metadata["userinfo_endpoint"], headers={"Authorization": f"Bearer {token}"}
        )

    async def _refresh(self, http: httpx.AsyncClient, visit: Visit) -> None:
        """An access token lives minutes; what tells that all is over is the refresh token."""
        value = visit.tokens.get("refresh_token")
        if value is None:
            raise Ended
        answer = await http.post(
            self.metadata["token_endpoint"],
            data={"grant_type": "refresh_token", "refresh_token": value},
            auth=(self.client_id, self.client_secret),
        )
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise Ended
        answer.raise_for_status()
        visit.tokens |= answer.json()

    async def give_back(self, visit: Visit) -> None:
        """Who leaves here leaves no token behind — RFC 7009."""
        async with visit.asking, httpx.AsyncClient(timeout=10) as http:
            await http.post(
                self.metadata["revocation_endpoint"],
                data={"token": visit.tokens.get("refresh_token") or visit.tokens["access_token"]},
                auth=(self.client_id, self.client_secret),
            )
