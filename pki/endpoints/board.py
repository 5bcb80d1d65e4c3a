"""The operator's board of certificates — WCAG 2.2 AA."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from foundation.pages import N_
from pki.enrolment import Pki
from pki.outlook.picture import draw

KEY_PLACES = (N_("sealed"), N_("token"), N_("elsewhere"))


def board_page(pki: Pki, request: Request) -> Response:
    """Authorities, what ends when, and what needs attention: for operators."""
    web.require(request, kind="staff", role="operator")
    board = pki.authority.outlook.board(pki.clock.now())
    return pki.authority.pages.render(request, "pki/board.html", board=board, picture=draw(board))
