"""What a deployment has of the suites below: supervision acts on what is there."""

from __future__ import annotations

from dataclasses import dataclass

from foundation.errors import NotFound
from foundation.runtime import Runtime
from idp.developers import Developers
from idp.login import Login
from idp.oauth import OAuth
from idp.register import Register
from idp.supervision.ports import Sessions


@dataclass(frozen=True, slots=True)
class Parts:
    """A part that a deployment lacks is None: the acts that need it are refused."""

    runtime: Runtime
    sessions: Sessions
    register: Register | None = None
    login: Login | None = None
    tokens: OAuth | None = None
    developers: Developers | None = None

    def require_register(self) -> Register:
        """Raises NotFound."""
        if self.register is None:
            raise NotFound("A broker has no pages for staff: use the command line.")
        return self.register

    def require_tokens(self) -> OAuth:
        """Raises NotFound."""
        if self.tokens is None:
            raise NotFound("A regulator signs no citizen in, so it has no services.")
        return self.tokens
