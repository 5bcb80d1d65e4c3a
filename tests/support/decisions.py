"""Questions, grounds and people for the tests of decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request

from foundation.edge import Edge
from foundation.middleware import Gate
from foundation.runtime import Runtime
from foundation.web import Context, Principal, Route
from policies import Consent, Facts, Giver, Ground, Known, Policies, Question

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ADULT = Facts(level=2, age=30)


def question(**changed: Any) -> Question:
    """The parking office asks whether somebody is of age."""
    values: dict[str, Any] = {
        "service": "svc_parking",
        "person": "per_anna",
        "attributes": ("age_over_18",),
        "purpose": "mobility.parking",
        "at": NOW,
        "kind": "verify",
    }
    return Question(**{**values, **changed})


def consent_ground(**changed: Any) -> Ground:
    """A consent that answers `question()`."""
    values: dict[str, Any] = {
        "kind": "consent",
        "id": "con_1",
        "state": "active",
        "service": "svc_parking",
        "person": "per_anna",
        "purpose": "mobility.parking",
        "attributes": frozenset({"age_over_18"}),
        "classes": frozenset(),
        "not_before": NOW - timedelta(days=1),
        "not_after": NOW + timedelta(days=1),
        "giver": "self",
    }
    return Ground(**{**values, **changed})


def give(
    policies: Policies,
    person: str = "per_anna",
    service: str = "svc_parking",
    purpose: str = "mobility.parking",
    asked: Sequence[str] = ("age_over_18", "resident_of_city", "name"),
    chosen: Sequence[str] = ("age_over_18",),
    **more: Any,
) -> Consent:
    """A consent as the page would record it."""
    return policies.consent.give(
        person_id=person,
        service=service,
        service_name="City Parking",
        purpose=purpose,
        asked=asked,
        chosen=chosen,
        notice=policies.notice(purpose, "City Parking"),
        giver=more.pop("giver", Giver()),
        **more,
    )


def ready_policies(runtime: Runtime, *persons: str) -> Policies:
    """The policies package, ready, with keys for some people."""
    from policies import prepare

    prepare(runtime)
    for person in persons or ("per_anna",):
        runtime.vault.create(person)
    return Policies(runtime)


class People:
    """Who stands behind a service's subjects: a fake of the register and the pairwise table."""

    def __init__(self) -> None:
        self.subs = {("svc_parking", "sub-anna"): "per_anna", ("svc_other", "sub-o"): "per_anna"}
        self.facts = {"per_anna": ADULT}
        self.claims: dict[str, dict[str, Any]] = {
            "per_anna": {"age_over_18": True, "resident_of_city": False, "name": "Anna"}
        }
        self.opened: list[str] = []
        self.purposes: dict[str, str] = {}

    def known(self, service_id: str, sub: str) -> Known | None:
        person_id = self.subs.get((service_id, sub))
        if person_id is None:
            return None

        def claims(names: Sequence[str]) -> Mapping[str, Any]:
            self.opened.append(person_id)
            known = self.claims[person_id]
            return {name: known[name] for name in names if name in known}

        return Known(person_id, self.facts[person_id], claims)

    def purpose(self, service_id: str) -> str | None:
        return self.purposes.get(service_id)


def serve(
    runtime: Runtime, routes: Sequence[Route], who: Callable[[Request], Principal | None]
) -> FastAPI:
    """One package's typed routes behind the real gate, without the rest of the service."""
    edge = Edge(runtime.database, runtime.pages)
    app = FastAPI()
    for route in (route for route in routes if route.api):
        options = {"openapi_extra": {"x-specification": route.specification}, **route.options}
        app.add_api_route(route.path, route.endpoint, methods=list(route.methods), **options)
    app.add_middleware(
        Gate,
        context=Context(
            origins=frozenset({"http://localhost:8000"}),
            cookie_tag="0" * 8,
            secure_cookies=False,
            trusted_proxies=(),
            mac=runtime.keys.mac,
            who=who,
        ),
        edge=edge,
        max_body=1_048_576,
        observe=lambda *_: None,
    )
    return app
