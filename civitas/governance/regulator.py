"""Regulator: the government accredits private providers and supervises them.

- People are not known here: no register, no sign-in but that of its own staff.
- Services ask nothing here: no OpenID Provider, no consent.
- Providers are accredited at a level, brokers are taken up; statements and marks say so, signed.
- Kept: who was accredited, suspended or withdrawn, and why; what happened.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from civitas.deployment import Deployment
from foundation import web
from foundation.audit.routes import routes_of as audit_routes
from foundation.pages import routes_of as page_routes
from foundation.runtime import Runtime
from foundation.web import Route
from idp import federation, login, portal, supervision
from idp.federation import Federation
from idp.login import Login
from idp.portal import StaffAccount
from idp.register import Register
from idp.supervision import Parts, Supervision
from policies import Policies


def assemble(runtime: Runtime) -> Deployment:
    """A trust anchor, its console, and the staff who act there."""
    policies = Policies(runtime)

    # Staff: the same register and sign-in as a provider's, without a citizen in it.
    staff = Register(runtime)
    signing_in = Login(runtime, staff, policies, staff_only=True)

    # The trust anchor: it offers no protocol of its own, so its metadata is empty.
    anchor = Federation(runtime, dict)

    # Staff have an account of their own, and names on every page.
    runtime.pages.name_of = staff.staff.name_of
    account = StaffAccount(runtime, staff, signing_in)

    # Operators in an incident, auditors.
    watch = Supervision(Parts(runtime, signing_in.sessions, staff, signing_in))
    return Deployment(
        runtime=runtime,
        routes={
            "login": login.routes_of(signing_in),
            "civitas.home": (Route(("GET",), "/", home, "Public register"),),
            "work": portal.staff_routes(account),
            "federation": federation.routes_of(anchor),
            "supervision": supervision.routes_of(watch),
            "audit": audit_routes(runtime.audit),
            "pages": page_routes(runtime.pages),
        },
        who=signing_in.principal_of_session,
        prepare=(federation.prepare,),
        parts={"register": staff, "login": signing_in, "federation": anchor, "supervision": watch},
    )


def home(request: Request) -> Response:
    """What a regulator has to show to everybody: whom it accredits. Staff go on to their work."""
    visitor = web.principal(request)
    known = visitor is not None and visitor.kind == "staff"
    return RedirectResponse("/work" if known else "/register-of-providers", 303)
