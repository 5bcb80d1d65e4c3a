"""The trust mark endpoint — OpenID Federation 1.0 §8.6."""

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from idp.federation import trust_mark as marks
from idp.federation.errors import InvalidRequest, NotFound
from idp.federation.federation import Federation


def trust_mark(federation: Federation, request: Request) -> Response:
    """The mark of `trust_mark_type` that `sub` holds now."""
    asked = web.query(request, InvalidRequest)
    kind = asked.required("trust_mark_type", InvalidRequest)
    subject = asked.required("sub", InvalidRequest)
    token = federation.authority.mark_for(subject, kind)
    if token is None:
        raise NotFound("That entity does not hold that trust mark.")
    return Response(token, media_type=marks.CONTENT_TYPE, headers={"Cache-Control": "no-store"})
