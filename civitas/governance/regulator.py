"""Regulator: the government accredits private providers and supervises them.

It authenticates no citizen: there is no register of people, no OpenID Provider, no consent. Its
staff sign in; its acts are signed statements and marks that anybody can check.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from civitas.deployment import Deployment
from foundation.audit_doors import doors as audit_doors
from foundation.ground import Ground
from foundation.pages import doors as page_doors
from foundation.web import Door
from idp import federation, login
from idp.federation import Federation
from idp.login import Login
from idp.register import Register
from policies import Policies


def assemble(ground: Ground) -> Deployment:
    """A trust anchor, its console, and the staff who act there."""
    policies = Policies(ground)
    staff = Register(ground)
    signing_in = Login(ground, staff, policies, staff_only=True)
    anchor = Federation(ground, dict)
    return Deployment(
        ground=ground,
        doors={
            "federation": federation.doors(anchor),
            "civitas.home": (Door(("GET",), "/", home, "Public register"),),
            "login": login.doors(signing_in),
            "audit": audit_doors(ground.audit),
            "pages": page_doors(ground.pages),
        },
        who=signing_in.principal_of_session,
        prepare=(federation.prepare,),
        parts={"register": staff, "login": signing_in, "federation": anchor},
    )


def home(request: Request) -> Response:
    """What a regulator has to show to everybody: whom it accredits."""
    return RedirectResponse("/register-of-providers", 303)
