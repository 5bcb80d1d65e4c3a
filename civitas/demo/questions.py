"""Questions that need no data: yes or no, by OpenID AuthZEN — where the identity service has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

WELL_KNOWN = "/.well-known/authzen-configuration"


class NotOffered(Exception):
    """No such endpoint at this identity service: a broker keeps no register to ask."""


@dataclass(frozen=True)
class Questions:
    """Asks as the e-service itself, about one of its own users."""

    issuer: str
    client_id: str
    client_secret: str
    purpose: str

    async def offered(self) -> bool:
        """Whether there is anything to ask; no where nobody answers."""
        async with httpx.AsyncClient(timeout=10) as http:
            try:
                return bool(await self._where(http))
            except (NotOffered, httpx.HTTPError, ValueError):
                return False

    async def ask(self, sub: str, claim: str) -> dict[str, Any]:
        """The answer as it came. Raises NotOffered, httpx.HTTPError, ValueError."""
        async with httpx.AsyncClient(timeout=10) as http:
            where = await self._where(http)
            token = await http.post(
                f"{self.issuer}/oauth/token",
                data={"grant_type": "client_credentials", "scope": "access:evaluate"},
                auth=(self.client_id, self.client_secret),
            )
            answer = await http.post(
                where,
                json={
                    "subject": {"type": "person", "id": sub},
                    "action": {"name": "verify"},
                    "resource": {"type": "claim", "id": claim},
                    "context": {"purpose": self.purpose},
                },
                headers={"Authorization": f"Bearer {token.json().get('access_token', '')}"},
            )
            body: dict[str, Any] = answer.json()
            return body

    async def _where(self, http: httpx.AsyncClient) -> str:
        found = await http.get(f"{self.issuer}{WELL_KNOWN}")
        if found.status_code != httpx.codes.OK:
            raise NotOffered
        return str(found.json()["access_evaluation_endpoint"])
