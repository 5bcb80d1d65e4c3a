"""Revocation lists — RFC 5280 §5, RFC 2585 §4.2."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from foundation.errors import NotFound
from pki.endpoints.caching import cacheable
from pki.enrolment import Pki
from pki.status.lists import COMPLETE, DELTA, Listed

_FILE = re.compile(r"(0|[1-9][0-9]{0,3})(-delta)?\.crl")


def whole_list(pki: Pki, request: Request) -> Response:
    """All that an authority revoked, DER: for people. Devices' unless another one is named."""
    name = request.path_params.get("authority", "devices")
    return _answer(pki, request, pki.authority.lists.whole(name, pki.clock.now()))


def partial_list(pki: Pki, request: Request) -> Response:
    """The list that a certificate names, or its delta, DER: `devices-1/7.crl`, `7-delta.crl`."""
    file = _FILE.fullmatch(request.path_params["file"])
    if file is None:
        raise NotFound(
            "There is no list of that name.",
            where="path",
            next_step="Take the address from the certificate (cRLDistributionPoints).",
        )
    name, kind = request.path_params["authority"], DELTA if file[2] else COMPLETE
    return _answer(
        pki, request, pki.authority.lists.part(name, int(file[1]), kind, pki.clock.now())
    )


def _answer(pki: Pki, request: Request, found: Listed) -> Response:
    return cacheable(
        request,
        found.der,
        "application/pkix-crl",
        found.this_update,
        found.next_update,
        pki.clock.now(),
    )
