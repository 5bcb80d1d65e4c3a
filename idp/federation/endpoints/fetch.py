"""The fetch endpoint: a statement about one subordinate — OpenID Federation 1.0 §8.1."""

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from idp.federation import entity_statement
from idp.federation.errors import InvalidRequest, NotFound
from idp.federation.federation import Federation


def fetch(federation: Federation, request: Request) -> Response:
    """`sub` names the subordinate. Who is suspended or withdrawn is not found."""
    subject = web.query(request, InvalidRequest).required("sub", InvalidRequest)
    if subject == federation.entity_id:
        raise InvalidRequest("We are no subordinate of ourselves; read our configuration.")
    statement = federation.authority.statement_about(subject)
    if statement is None:
        raise NotFound("There is no accredited entity of that name here.")
    return Response(
        statement,
        media_type=entity_statement.CONTENT_TYPE,
        headers={"Cache-Control": "no-store"},
    )
