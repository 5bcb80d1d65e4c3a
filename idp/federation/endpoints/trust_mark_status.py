"""The trust mark status endpoint — OpenID Federation 1.0 §8.4."""

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from idp.federation import trust_mark as marks
from idp.federation.errors import InvalidRequest, NotFound
from idp.federation.federation import Federation


def trust_mark_status(federation: Federation, request: Request) -> Response:
    """Whether exactly this mark is active, expired, suspended or revoked now."""
    token = web.form(request, InvalidRequest).required("trust_mark", InvalidRequest)
    answer = federation.authority.status_of(token)
    if answer is None:
        raise NotFound("We did not issue that trust mark.")
    return Response(
        answer, media_type=marks.STATUS_CONTENT_TYPE, headers={"Cache-Control": "no-store"}
    )
