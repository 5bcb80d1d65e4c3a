"""The resolve endpoint: chain, resolved metadata and marks in one answer — §8.3."""

from starlette.requests import Request
from starlette.responses import Response

from idp.federation.endpoints.parameters import parameters
from idp.federation.errors import (
    InvalidRequest,
    InvalidTrustAnchor,
    InvalidTrustChain,
    NotFound,
)
from idp.federation.federation import Federation
from idp.federation.jws import Invalid
from idp.federation.resolution import Unresolved

CONTENT_TYPE = "application/resolve-response+jwt"


def resolve(federation: Federation, request: Request) -> Response:
    """`sub` and `trust_anchor`, which must be ourselves; `entity_type` selects."""
    asked = parameters(request, frozenset({"trust_anchor", "entity_type"}))
    for name in ("sub", "trust_anchor"):
        if not asked.get(name, [""])[0]:
            raise InvalidRequest(f"The parameter {name} is missing.")
    if federation.entity_id not in asked["trust_anchor"]:
        raise InvalidTrustAnchor("We resolve towards ourselves only.")
    try:
        answer = federation.resolve(asked["sub"][0], frozenset(asked.get("entity_type", ())))
    except (Unresolved, Invalid) as error:
        raise InvalidTrustChain(str(error)) from None
    if answer is None:
        raise NotFound("There is no accredited entity of that name here.")
    return Response(answer, media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})
