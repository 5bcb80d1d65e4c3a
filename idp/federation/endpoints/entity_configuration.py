"""The entity configuration at its well-known place — OpenID Federation 1.0 §9."""

from starlette.requests import Request
from starlette.responses import Response

from idp.federation import entity_statement
from idp.federation.federation import Federation


def entity_configuration(federation: Federation, request: Request) -> Response:
    """What we say of ourselves, signed now."""
    return Response(
        federation.entity_configuration(),
        media_type=entity_statement.CONTENT_TYPE,
        headers={"Cache-Control": "no-store"},
    )
