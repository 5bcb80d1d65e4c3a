"""The OpenAPI description tells everything a caller needs, and tells the truth — OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.city import City

BY_PROGRAM = {"Accept": "application/json"}
OWNER = {"kind": "organisation", "name": "Street Lighting"}
REASON = {"reason": "stolen"}
BODIES = {
    "/devices/v1": {"label": "Lamp 1", "owner": OWNER},
    "/devices/v1/{device_id}/claim": OWNER,
    "/documents/v1/check": {"document": "x"},
    "/documents/v1/documents": {
        "kind": "residence",
        "number": "1",
        "name": "Leida Tamm",
        "birthdate": "1990-01-01",
        "content": {},
    },
    "/presentations/v1/requests": {
        "credentials": [{"credential": "credential.identity", "claims": [{"claim": "name"}]}]
    },
    "/identity/v1/check": {"shown": "1", "code": "1"},
    "/documents/v1/requests": {"sub": "x", "documents": [{"issuer": "city", "kind": "residence"}]},
}


@pytest.fixture
def description(provider: City) -> Any:
    return provider.browser().get("/openapi.json").json()


def operations(description: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_every_typed_route_is_described(provider: City, description: Any) -> None:
    typed = {
        (method.lower(), route.path)
        for group in provider.deployment.routes.values()
        for route in group
        for method in route.methods
        if route.api
    }
    shown = {(method, path) for method, path, _ in operations(description)}
    assert typed <= shown
    assert {path for _, path in shown - typed} == {"/healthz", "/readyz"}


def test_every_operation_says_what_it_does_in_words(description: Any) -> None:
    for method, path, operation in operations(description):
        here = f"{method} {path}"
        assert operation["summary"], here
        assert operation["description"], here
        assert "partial" not in operation["description"].lower(), here
        assert operation["x-specification"], here
        assert operation["operationId"], here


def test_operation_ids_are_unique(description: Any) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(description)]
    assert len(ids) == len(set(ids))


def test_every_operation_has_models_of_what_it_takes_and_gives(description: Any) -> None:
    for method, path, operation in operations(description):
        for status, answer in operation["responses"].items():
            for media, content in answer["content"].items():
                assert content["schema"], (method, path, status, media)
        body = operation.get("requestBody")
        if body is not None:
            assert body["content"]["application/json"]["schema"], (method, path)


@pytest.mark.rfc("9457", "3")
def test_every_operation_names_its_refusals_as_problem_documents(description: Any) -> None:
    for method, path, operation in operations(description):
        refusal = operation["responses"]["4XX"]["content"]["application/problem+json"]["schema"]
        assert refusal == {"$ref": "#/components/schemas/ProblemDocument"}, (method, path)
        assert "503" in operation["responses"], (method, path)
        if "security" in operation:
            assert {"401", "403"} <= set(operation["responses"]), (method, path)
        if "{" in path:
            assert "404" in operation["responses"], (method, path)


def test_every_tag_is_explained(description: Any) -> None:
    explained = {tag["name"] for tag in description["tags"] if tag["description"]}
    assert {tag for _, _, o in operations(description) for tag in o["tags"]} == explained


def test_every_security_scheme_that_is_named_is_declared(description: Any) -> None:
    declared = description["components"]["securitySchemes"]
    named = {
        scheme
        for _, _, operation in operations(description)
        for alternative in operation.get("security", ())
        for scheme in alternative
    }
    assert named == set(declared) == {"bearer", "mutualTLS", "session"}
    assert declared["session"]["name"].startswith("civitas-")


def test_a_route_asks_who_calls_exactly_where_the_description_says_so(
    provider: City, description: Any
) -> None:
    stranger = provider.browser().http
    for method, path, operation in operations(description):
        url = path.replace("{", "").replace("}", "")
        body = BODIES.get(path, REASON) if method.upper() in ("POST", "PUT", "PATCH") else None
        answer = stranger.request(method, url, headers=BY_PROGRAM, json=body)
        assert (answer.status_code == 401) == ("security" in operation), (path, answer.text)


def test_the_page_for_people_shows_every_operation(provider: City, description: Any) -> None:
    page = provider.browser().get("/api").text
    shown = list(operations(description))
    for _, path, operation in shown:
        assert path in page
        assert operation["operationId"] in page
    assert len(page.encode()) < 2_100 * len(shown)
