"""Metadata of the policy decision point — OpenID AuthZEN 1.0 §9."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from policies.endpoints.model import Configuration
from policies.evaluations import DecisionPoint


def configuration(point: DecisionPoint, request: Request) -> Response:
    """Where this decision point is asked. What is absent is not offered (§9.1.1)."""
    content = Configuration(
        policy_decision_point=point.url,
        access_evaluation_endpoint=f"{point.url}/access/v1/evaluation",
        access_evaluations_endpoint=f"{point.url}/access/v1/evaluations",
    )
    return JSONResponse(content.model_dump(), headers={"Cache-Control": "public, max-age=3600"})
