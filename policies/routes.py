"""Every URL of the policies package, its specification beside it."""

from __future__ import annotations

from functools import partial
from typing import Any

from pydantic import BaseModel

from foundation.web import Route
from policies.endpoints.calling import SCOPE, said
from policies.endpoints.evaluation import evaluation
from policies.endpoints.evaluations import evaluations
from policies.endpoints.metadata import configuration
from policies.endpoints.model import (
    Configuration,
    EvaluationRequest,
    EvaluationResponse,
    EvaluationsRequest,
    EvaluationsResponse,
    KeySet,
    body_schema,
)
from policies.endpoints.receipt_keys import receipt_keys
from policies.endpoints.receipts import receipt, receipt_page
from policies.evaluations import DecisionPoint
from policies.policies import Policies

AUTHZEN = "OpenID AuthZEN 1.0"
_RECEIPT = "ISO/IEC TS 27560"


def routes_of(point: DecisionPoint) -> tuple[Route, ...]:
    """The AuthZEN routes, and receipts."""
    return (
        Route(
            ("GET",),
            "/.well-known/authzen-configuration",
            partial(configuration, point),
            f"{AUTHZEN} §9",
            api=True,
            options={"response_model": Configuration, **_described(configuration)},
        ),
        Route(
            ("POST",),
            "/access/v1/evaluation",
            partial(evaluation, point),
            f"{AUTHZEN} §6",
            api=True,
            says=said,
            options={
                "response_model": EvaluationResponse,
                **_described(evaluation, EvaluationRequest, f"{AUTHZEN} §6"),
            },
        ),
        Route(
            ("POST",),
            "/access/v1/evaluations",
            partial(evaluations, point),
            f"{AUTHZEN} §7",
            api=True,
            says=said,
            options={
                "response_model": EvaluationsResponse | EvaluationResponse,
                **_described(evaluations, EvaluationsRequest, f"{AUTHZEN} §7"),
            },
        ),
        *receipt_routes(point.policies),
    )


def receipt_routes(policies: Policies) -> tuple[Route, ...]:
    """Receipts of the person who is signed in, and the keys that verify them: also for a
    deployment that answers no questions."""
    one = "/account/consents/{consent_id}/receipt"
    return (
        Route(("GET",), one, partial(receipt, policies), _RECEIPT),
        Route(("GET",), f"{one}/page", partial(receipt_page, policies), _RECEIPT),
        Route(
            ("GET",),
            "/consents/receipts/jwks",
            partial(receipt_keys, policies),
            "RFC 7517 §5",
            api=True,
            options={"response_model": KeySet, **_described(receipt_keys)},
        ),
    )


def _described(
    endpoint: Any, body: type[BaseModel] | None = None, specification: str = ""
) -> dict[str, Any]:
    """Summary and description from the docstring; body and security of a question."""
    summary, _, more = (endpoint.__doc__ or "").strip().partition("\n")
    described: dict[str, Any] = {
        "summary": summary.rstrip("."),
        "description": " ".join(more.split()),
    }
    if body is not None:
        described["openapi_extra"] = {
            "x-specification": specification,
            "security": [{"bearer": [SCOPE]}],
            "requestBody": body_schema(body),
            "parameters": [
                {
                    "name": "X-Request-ID",
                    "in": "header",
                    "required": False,
                    "description": "Echoed in the answer (§10.1.3).",
                    "schema": {"type": "string", "maxLength": 255},
                }
            ],
        }
    return described
