"""The information model of a question and its answer — OpenID AuthZEN 1.0 §5, §6, §7.

Unknown members are ignored (§10.1.1), known ones are strict: a missing or malformed one is a 400.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from foundation.errors import BadRequest
from policies.evaluations import Asked

MOST_EVALUATIONS = 50


def _printable(value: str) -> str:
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in value):
        raise ValueError("a control character stands in it")
    return value


Text = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printable)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    properties: dict[str, Any] = Field(default={}, description="Accepted, not used.")


class Subject(_Part):
    """The person, named by the asking service's own pairwise subject."""

    type: Text = Field(description="Always `person`.", examples=["person"])
    id: Text = Field(description="The `sub` that this service knows.", examples=["Zm9v…"])


class Action(_Part):
    """What is done with the claim."""

    name: Text = Field(description="Always `verify`.", examples=["verify"])


class Resource(_Part):
    """The yes-or-no claim that is asked."""

    type: Text = Field(description="Always `claim`.", examples=["claim"])
    id: Text = Field(description="A derived claim.", examples=["age_over_18"])


class Circumstances(BaseModel):
    """Why it is asked. Other members are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    purpose: Annotated[str, Field(max_length=255), AfterValidator(_printable)] = Field(
        default="", description="A purpose of the catalogue.", examples=["age-verification"]
    )


class EvaluationRequest(BaseModel):
    """One question — §6.1."""

    model_config = ConfigDict(strict=True, frozen=True)

    subject: Subject
    action: Action
    resource: Resource
    context: Circumstances = Circumstances()

    def asked(self) -> Asked:
        """The question; what this decision point does not know about becomes empty."""
        fits = self.resource.type == "claim" and self.action.name == "verify"
        return Asked(
            sub=self.subject.id if self.subject.type == "person" else "",
            claim=self.resource.id if fits else "",
            purpose=self.context.purpose,
        )


class Options(BaseModel):
    """How a batch is run — §7.1.2."""

    model_config = ConfigDict(strict=True, frozen=True)

    evaluations_semantic: Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"] = (
        "execute_all"
    )


class EvaluationsRequest(BaseModel):
    """Several questions; the upper members are defaults for each — §7.1, §7.1.1."""

    model_config = ConfigDict(strict=True, frozen=True)

    subject: Subject | None = None
    action: Action | None = None
    resource: Resource | None = None
    context: Circumstances | None = None
    evaluations: list[dict[str, Any]] = Field(
        default=[],
        max_length=MOST_EVALUATIONS,
        description="Each with the members of one question; what it lacks is taken from above.",
    )
    options: Options = Options()


class Refused(BaseModel):
    """Why there is no answer, and what to do next."""

    refused: Literal[True] = True
    code: str = Field(description="The reason, for a program.", examples=["withdrawn"])
    reason: str = Field(description="The reason, for a person.")
    next_step: str


class ItemError(BaseModel):
    """What was wrong with one question of a batch — §7.2.1."""

    status: int
    message: str


class FailedItem(BaseModel):
    """The context of a question that was not well-formed."""

    error: ItemError


class EvaluationResponse(BaseModel):
    """The answer. `decision` false with `context.refused` was not answered at all."""

    decision: bool
    context: Refused | FailedItem | None = None


class EvaluationsResponse(BaseModel):
    """The answers, in the order of the questions."""

    evaluations: list[EvaluationResponse]


class Configuration(BaseModel):
    """Metadata of the policy decision point — §9."""

    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str


class KeySet(BaseModel):
    """A JSON Web Key Set — RFC 7517 §5."""

    keys: list[dict[str, Any]]


def parse(model: type[BaseModel], value: dict[str, Any]) -> Any:
    """The value as the model; raises BadRequest, naming the field (§10.1.2: 400, not 422)."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise BadRequest(f"{where}: {first['msg']}.", where=where) from None


@cache
def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI request body of a model whose endpoint parses by itself, definitions inlined."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inlined(node: Any) -> Any:
        if isinstance(node, list):
            return [inlined(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return inlined(definitions[node["$ref"].rsplit("/", 1)[1]])
        return {key: inlined(value) for key, value in node.items()}

    return {"required": True, "content": {"application/json": {"schema": inlined(schema)}}}
