"""A service and whose it is: in test, asked for, in production."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

State = Literal["test", "asked", "production", "removed"]
TEST, ASKED, PRODUCTION, REMOVED = "test", "asked", "production", "removed"


@dataclass(frozen=True, slots=True)
class Owner:
    """A developer: a citizen, or a member of staff of that role."""

    kind: Literal["citizen", "staff"]
    id: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What production is asked for, as it will be registered, and why."""

    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    scope: str
    purposes: tuple[str, ...]
    reason: str

    def written(self) -> str:
        return json.dumps(
            {
                "redirect_uris": self.redirect_uris,
                "post_logout_redirect_uris": self.post_logout_redirect_uris,
                "scope": self.scope,
                "purposes": self.purposes,
                "reason": self.reason,
            }
        )

    @classmethod
    def read(cls, text: str) -> Wish:
        said: Mapping[str, Any] = json.loads(text)
        return cls(
            tuple(said["redirect_uris"]),
            tuple(said["post_logout_redirect_uris"]),
            said["scope"],
            tuple(said["purposes"]),
            said["reason"],
        )


@dataclass(frozen=True, slots=True)
class Owned:
    """`program`: which kit it was registered by, empty for none; `url`: its address there.
    `answer`: why it was refused."""

    client_id: str
    owner: Owner
    program: str
    url: str
    state: str
    created_at: datetime
    wish: Wish | None = field(default=None)
    answer: str | None = None
    asked_at: datetime | None = None
    decided_at: datetime | None = None
