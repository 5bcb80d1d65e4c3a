"""Access Evaluations: several questions in one request — OpenID AuthZEN 1.0 §7."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from foundation.errors import BadRequest
from foundation.web import Principal
from policies.endpoints.calling import answer, body
from policies.endpoints.evaluation import told
from policies.endpoints.model import (
    EvaluationRequest,
    EvaluationResponse,
    EvaluationsRequest,
    EvaluationsResponse,
    FailedItem,
    ItemError,
    parse,
)
from policies.evaluations import DecisionPoint, Met

DEFAULTS = ("subject", "action", "resource", "context")
STOPS_AFTER = {"execute_all": None, "deny_on_first_deny": False, "permit_on_first_permit": True}


def evaluations(point: DecisionPoint, request: Request) -> Response:
    """Ask several yes-or-no questions; `options.evaluations_semantic` says when to stop.

    Without `evaluations` it is one question, answered as at /access/v1/evaluation (§7.1).
    """

    def ask(caller: Principal) -> BaseModel:
        asked = body(request)
        batch: EvaluationsRequest = parse(EvaluationsRequest, asked)
        if not batch.evaluations:
            single: EvaluationRequest = parse(EvaluationRequest, asked)
            return told(point.evaluate(caller.id, single.asked()))
        stop = STOPS_AFTER[batch.options.evaluations_semantic]
        answers: list[EvaluationResponse] = []
        met: Met = {}
        for item in batch.evaluations:
            answers.append(_one(point, caller.id, asked, item, met))
            if answers[-1].decision is stop:
                break
        return EvaluationsResponse(evaluations=answers)

    return answer(request, ask)


def _one(
    point: DecisionPoint, service: str, defaults: dict[str, Any], item: dict[str, Any], met: Met
) -> EvaluationResponse:
    """One question of the batch; a malformed one is a no, with its error, and stops nobody else."""
    # A default is replaced whole, not merged (§7.1.1).
    filled = {name: item.get(name, defaults.get(name)) for name in DEFAULTS}
    try:
        question: EvaluationRequest = parse(
            EvaluationRequest, {k: v for k, v in filled.items() if v is not None}
        )
    except BadRequest as error:
        failed = ItemError(status=error.status, message=error.description)
        return EvaluationResponse(decision=False, context=FailedItem(error=failed))
    return told(point.evaluate(service, question.asked(), met))
