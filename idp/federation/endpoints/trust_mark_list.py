"""The listing of those who hold a trust mark — OpenID Federation 1.0 §8.5."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foundation import web
from idp.federation.errors import InvalidRequest
from idp.federation.federation import Federation


def trust_mark_list(federation: Federation, request: Request) -> Response:
    """Entity identifiers with a valid mark of `trust_mark_type`; `sub` asks for one of them."""
    asked = web.query(request, InvalidRequest)
    kind = asked.required("trust_mark_type", InvalidRequest)
    listed = federation.authority.subordinates((), trust_marked=True, trust_mark_type=kind)
    if "sub" in asked:
        listed = [entity_id for entity_id in listed if entity_id == asked["sub"]]
    return JSONResponse(listed, headers={"Cache-Control": "no-store"})
