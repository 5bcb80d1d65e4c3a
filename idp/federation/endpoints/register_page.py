"""The public register of providers: who is accredited, at which level, since when."""

from starlette.requests import Request
from starlette.responses import Response

from idp.federation.federation import Federation


def register_page(federation: Federation, request: Request) -> Response:
    """Everybody may read it; who only applied is not shown."""
    shown = [e for e in federation.accreditation.entities() if e.state != "applied"]
    return federation.runtime.pages.render(
        request, "federation/register.html", entities=shown, authority=federation.entity_id
    )
