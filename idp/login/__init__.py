"""Sign-in: authenticators, sessions, the level that a session reached — ISO/IEC 29115."""

from idp.login.who import Authenticated, EndsWithSession, GoTo, Requirement, WhoIsThere

__all__ = ["Authenticated", "EndsWithSession", "GoTo", "Requirement", "WhoIsThere"]
