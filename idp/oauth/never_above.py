"""No level is handed on above our own — ISO/IEC 29115:2013 §9 (MO-1 to MO-7)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from starlette.requests import Request

from idp.login import Authenticated, GoTo, Requirement, WhoIsThere
from idp.oauth.ports import Ceiling


@dataclass(frozen=True, slots=True)
class NeverAbove:
    """Who is there, as `who` says it, at our own level at most: a session may be older than the
    day on which our organisation was found to be worth less."""

    inner: WhoIsThere
    ceiling: Ceiling

    def who(self, request: Request, requirement: Requirement) -> Authenticated | GoTo:
        answer = self.inner.who(request, requirement)
        if isinstance(answer, GoTo):
            return answer
        return replace(answer, acr_level=min(answer.acr_level, self.ceiling()))
