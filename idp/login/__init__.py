"""Sign-in: authenticators, sessions, the level that a session reached — ISO/IEC 29115."""

from idp.login.activation import ChoiceRefused
from idp.login.authenticators.code_lists import Printed
from idp.login.codes import WrongCode
from idp.login.credential import Credential
from idp.login.endpoints.sign_in import too_many
from idp.login.establishing import SignInRefused
from idp.login.login import Login
from idp.login.management import Management, ProveAgain
from idp.login.removals import Removal
from idp.login.routes import routes_of
from idp.login.session import Session
from idp.login.sessions import open_sessions
from idp.login.settings import LoginSettings
from idp.login.who import (
    Authenticated,
    EndsWithSession,
    GoTo,
    HearsOfChange,
    Requirement,
    WhoIsThere,
)

SECTIONS = (LoginSettings,)

__all__ = [
    "SECTIONS",
    "Authenticated",
    "ChoiceRefused",
    "Credential",
    "EndsWithSession",
    "GoTo",
    "HearsOfChange",
    "Login",
    "LoginSettings",
    "Management",
    "Printed",
    "ProveAgain",
    "Removal",
    "Requirement",
    "Session",
    "SignInRefused",
    "WhoIsThere",
    "WrongCode",
    "open_sessions",
    "routes_of",
    "too_many",
]
