"""The keys that verify consent receipts — RFC 7517 §5."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from policies.policies import Policies


def receipt_keys(policies: Policies, request: Request) -> Response:
    """The JSON Web Key Set that verifies the receipts of consents."""
    return JSONResponse(
        dict(policies.receipt_keys()), headers={"Cache-Control": "public, max-age=600"}
    )
