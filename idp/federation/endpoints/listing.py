"""The subordinate listing — OpenID Federation 1.0 §8.2."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from idp.federation.endpoints.parameters import boolean, parameters
from idp.federation.federation import Federation


def listing(federation: Federation, request: Request) -> Response:
    """Entity identifiers of the accredited, filtered as asked; we have no intermediates."""
    asked = parameters(request, frozenset({"entity_type"}))
    if boolean(asked.get("intermediate"), "intermediate"):
        return JSONResponse([], headers={"Cache-Control": "no-store"})
    listed = federation.authority.subordinates(
        tuple(asked.get("entity_type", ())),
        trust_marked=boolean(asked.get("trust_marked"), "trust_marked"),
        trust_mark_type=asked.get("trust_mark_type", [None])[0],
    )
    return JSONResponse(listed, headers={"Cache-Control": "no-store"})
