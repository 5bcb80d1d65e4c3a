"""Requests generated from our own description, right and wrong: never a 5xx — OpenAPI 3.1.

Every caller goes through every operation: a stranger, a service with all scopes, staff, a
citizen. Answers must be those that the description names, in the shape that it gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.protocol.openapi.callers import signed_in
from tests.support.city import City, Visitor

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CALLERS = ("a stranger", "a service", "an operator", "a citizen")
Headers = Mapping[str, str]


@pytest.fixture(scope="module")
def callers(provider: City) -> dict[str, Headers]:
    """What each caller sends to be known."""
    return {
        "a stranger": {},
        "a service": {"Authorization": f"Bearer {token(provider)}"},
        "an operator": cookies(signed_in(provider, "operator")),
        "a citizen": cookies(citizen(provider)),
    }


def token(provider: City) -> str:
    """The access token of a service that may do all that services may."""
    added = provider.deployment.parts["oauth"].clients.add(
        {
            "client_name": "Everything",
            "grant_types": ["client_credentials"],
            "scope": "access:evaluate devices:manage",
        },
        provider.clock.now(),
    )
    answer = provider.browser().http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(added.client.id, added.secret),
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def citizen(provider: City) -> Visitor:
    from civitas.residents import as_json, residents

    content = as_json(residents(1, seed=9, city="Tallinn", country="EE"))
    report = list(provider.importer.run(content, "people.json"))[-1]
    person = provider.importer.persons(report.import_id)[0]
    visitor = provider.citizen(person, "leida")
    assert visitor.get("/me/v1/consents").status_code == 200
    return visitor


def cookies(visitor: Visitor) -> Headers:
    kept = "; ".join(f"{name}={value}" for name, value in visitor.http.cookies.items())
    return {"Cookie": kept, "X-CSRF-Token": visitor.token()}


def generate(provider: City, headers: Headers, examples: int) -> int:
    """Call every operation `examples` times; how many operations there were."""
    schema = schemathesis.openapi.from_asgi(
        "/openapi.json", provider.app, config=SchemathesisConfig.from_dict({})
    )
    called = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        called += 1

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @_given(operation)
        def call(case: Any) -> None:
            # What the caller is known by is not left to chance.
            sent = {**(case.headers or {})}
            for name in headers:
                sent.pop(name, None)
            case.headers = sent
            case.cookies = {}
            case.call_and_validate(headers=dict(headers), checks=CHECKS)

        call()
    return called


def _given(operation: Any) -> Any:
    from hypothesis import given, strategies
    from schemathesis import GenerationMode

    return given(
        case=strategies.one_of(
            operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        )
    )


@pytest.mark.parametrize("caller", CALLERS)
def test_some_generated_requests_never_fail_otherwise_than_described(
    provider: City, callers: dict[str, Headers], caller: str
) -> None:
    assert generate(provider, callers[caller], 2) >= 25


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("caller", CALLERS)
def test_many_generated_requests_never_fail_otherwise_than_described(
    provider: City, callers: dict[str, Headers], caller: str
) -> None:
    assert generate(provider, callers[caller], 100) >= 25
