"""Access Evaluation — OpenID AuthZEN 1.0 §6."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from foundation.web import Principal
from policies.endpoints.calling import answer, body
from policies.endpoints.model import EvaluationRequest, EvaluationResponse, Refused, parse
from policies.evaluations import Answer, DecisionPoint


def evaluation(point: DecisionPoint, request: Request) -> Response:
    """Ask a yes-or-no question about a person.

    `decision` is the answer. When the question may not be answered, `decision` is false and
    `context` has `refused`, the reason and the next step; nothing else is told.
    """

    def ask(caller: Principal) -> EvaluationResponse:
        question: EvaluationRequest = parse(EvaluationRequest, body(request))
        return told(point.evaluate(caller.id, question.asked()))

    return answer(request, ask)


def told(given: Answer) -> EvaluationResponse:
    """The answer as it leaves: a yes or a no, or why not, and no attribute."""
    if given.refusal is None:
        return EvaluationResponse(decision=given.decision)
    why = given.refusal
    return EvaluationResponse(
        decision=False,
        context=Refused(code=why.code, reason=why.reason, next_step=why.next_step),
    )
