"""An office that makes out documents: a client with a scope, and a file that says what it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx

FILE = "documents.toml"
SAID = {"street": "Harbour Street 7", "since": "2019-05-01"}


def open_office(config: Path, run_json: Callable[..., Any]) -> dict[str, str]:
    """Register the town hall's client, and write the kinds of documents beside the configuration,
    before the service starts; what `civitas clients add` printed."""
    added: dict[str, str] = run_json(
        "clients", "add", "--name", "Town Hall", "--grant", "client_credentials",
        "--scope", "documents:issue",
    )  # fmt: skip
    kinds = (files("civitas.tour") / FILE).read_text(encoding="utf-8")
    (config.parent / FILE).write_text(kinds.replace("{office}", added["client_id"]), "utf-8")
    with config.open("a", encoding="utf-8") as file:
        file.write(f'\n[documents]\nkinds = "{FILE}"\n')
    return added


@dataclass(frozen=True)
class Office:
    """Speaks as the town hall."""

    url: str
    client_id: str
    client_secret: str

    def make_out(self, civil_number: str, name: str, birthdate: str, number: str) -> dict[str, Any]:
        """A certificate of residence; the answer of the service. Raises httpx.HTTPStatusError."""
        with httpx.Client(base_url=self.url, timeout=30) as http:
            token = http.post(
                "/oauth/token",
                data={"grant_type": "client_credentials"},
                auth=(self.client_id, self.client_secret),
            )
            answer = http.post(
                "/documents/v1/documents",
                json={
                    "kind": "residence",
                    "number": number,
                    "civil_number": civil_number,
                    "name": name,
                    "birthdate": birthdate,
                    "content": SAID,
                },
                headers={
                    "Authorization": f"Bearer {token.raise_for_status().json()['access_token']}"
                },
            )
        made: dict[str, Any] = answer.raise_for_status().json()
        return made
