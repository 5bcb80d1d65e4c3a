"""The federation keys of the past, so that old signatures stay provable — §8.7."""

from starlette.requests import Request
from starlette.responses import Response

from idp.federation.federation import Federation

CONTENT_TYPE = "application/jwk-set+jwt"


def historical_keys(federation: Federation, request: Request) -> Response:
    """A signed JWK Set of expired and revoked keys."""
    return Response(
        federation.authority.historical_keys(),
        media_type=CONTENT_TYPE,
        headers={"Cache-Control": "no-store"},
    )
