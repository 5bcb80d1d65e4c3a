"""Papers without paper: the e-service asks for a document, and checks what its office signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import jwt

WANTED = {"issuer": "town-hall", "kind": "residence"}
HERE = "/documents/v1"


class NotOffered(Exception):
    """No such document at this identity service."""


class Refused(Exception):
    """The document may not be fetched, or not any more; the sentence is the service's own."""


@dataclass(frozen=True)
class Papers:
    """Asks as the e-service itself, for documents of one of its own users."""

    issuer: str
    client_id: str
    client_secret: str
    return_to: str

    async def offered(self) -> bool:
        """Whether certificates of residence are made out there; no where nobody answers."""
        async with httpx.AsyncClient(timeout=10) as http:
            try:
                kinds = (await http.get(f"{self.issuer}{HERE}/kinds")).json()["kinds"]
                return any(WANTED.items() <= kind.items() for kind in kinds)
            except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError):
                return False

    async def ask(self, sub: str) -> str:
        """Where to send the person, who picks. Raises Refused, httpx.HTTPError."""
        body = {"sub": sub, "documents": [WANTED], "return_to": self.return_to}
        async with httpx.AsyncClient(timeout=10) as http:
            return str((await self._call(http, "POST", f"{HERE}/requests", body))["url"])

    async def fetch(self, request_id: str) -> dict[str, Any] | None:
        """What the document says, checked by the keys that are published; None where nothing was
        shared. Raises Refused, httpx.HTTPError."""
        async with httpx.AsyncClient(timeout=10) as http:
            found = await self._call(http, "GET", f"{HERE}/requests/{request_id}")
            if not found["documents"]:
                return None
            path = found["documents"][0]["uri"].removeprefix(self.issuer)
            signed = (await self._call(http, "GET", path))["document"]
            keys = jwt.PyJWKSet.from_dict((await http.get(f"{self.issuer}{HERE}/keys")).json())
        key = keys[jwt.get_unverified_header(signed)["kid"]]
        told: dict[str, Any] = jwt.decode(signed, key, algorithms=["ES256"], issuer=self.issuer)
        return told

    async def _call(
        self, http: httpx.AsyncClient, method: str, path: str, body: Any = None
    ) -> dict[str, Any]:
        token = await http.post(
            f"{self.issuer}/oauth/token",
            data={"grant_type": "client_credentials", "scope": "documents:request"},
            auth=(self.client_id, self.client_secret),
        )
        answer = await http.request(
            method,
            f"{self.issuer}{path}",
            json=body,
            headers={"Authorization": f"Bearer {token.json().get('access_token', '')}"},
        )
        said: dict[str, Any] = answer.json()
        if answer.is_error:
            raise Refused(f"{said.get('detail', '')} {said.get('next_step', '')}".strip())
        return said
