"""Who may come through which route: tried with every kind of caller, and with ids of others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from civitas import governance
from civitas.governance import MODELS
from civitas.system import routes_of as system_routes
from foundation.settings import Jurisdiction, Server, Settings
from tests.support import access, access_worlds
from tests.support.access_walk import CLIENT_ROUTES, IN, World
from tests.support.deployments import build_runtime

SIGN_IN = {"/sign-in", "/activate/set-up"}
HASHING = {
    "provider": {*SIGN_IN, "/account/credentials/password"},
    "regulator": SIGN_IN,
    "broker": set(),
}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, World]]:
    with access_worlds.worlds(tmp_path_factory.mktemp("worlds")) as made:
        yield made


@pytest.fixture(scope="module")
def walked(worlds: dict[str, World]) -> dict[str, access.Walked]:
    return {model: world.walk() for model, world in worlds.items()}


def let_in(walked: access.Walked, route: str) -> set[str]:
    return {kind for kind, said in walked[route].items() if said == IN}


def test_every_route_is_open_to_whom_the_table_says(walked: dict[str, access.Walked]) -> None:
    table = access.OUTPUT.read_text("utf-8")
    assert access.as_page(walked) == table, "look at each change, then run `make index`"


def test_no_route_breaks_whoever_asks(walked: dict[str, access.Walked]) -> None:
    said = [
        (model, route, kind, what)
        for model, routes in walked.items()
        for route, kinds in routes.items()
        for kind, what in kinds.items()
    ]
    assert [one for one in said if one[3].startswith("5")] == []


@pytest.mark.parametrize(
    ("model", "ids", "at_least"),
    [
        ("provider", ("{consent_id}", "{credential_id}", "{removal_id}"), 7),
        ("broker", ("{consent_id}",), 3),
    ],
)
def test_what_is_one_citizens_opens_for_nobody_else(
    walked: dict[str, access.Walked], model: str, ids: tuple[str, ...], at_least: int
) -> None:
    own = [route for route in walked[model] if any(name in route for name in ids)]
    kinds = {route: let_in(walked[model], route) for route in own}
    assert all(found <= {"the citizen"} for found in kinds.values()), kinds
    assert sum(map(bool, kinds.values())) >= at_least, "the ids are of something that is there"


def test_what_one_service_holds_is_nothing_to_another(
    worlds: dict[str, World], walked: dict[str, access.Walked]
) -> None:
    for model in ("provider", "broker"):
        world = worlds[model]
        found = world.of_others
        for kind in set(access.PROGRAMS) & set(world.callers):
            told = world.callers[kind].as_client("/oauth/introspect", token=found["token"])
            assert told.json().get("active") is not True, kind
            assert world.callers[kind].as_client("/oauth/token", **found).status_code >= 400, kind
        # All of them had tried to revoke it and to redeem it.
        assert world.holder.as_client("/oauth/introspect", token=found["token"]).json()["active"]
        assert world.holder.as_client("/oauth/token", **found).status_code == 200


def test_a_token_that_a_person_gave_opens_nothing_but_userinfo(
    walked: dict[str, access.Walked],
) -> None:
    routes = walked["provider"]
    opened = {route for route in routes if "federated service" in let_in(routes, route)}
    to_nobody = {route for route in routes if "nobody" in let_in(routes, route)}
    as_client = {f"POST {path}" for path in CLIENT_ROUTES}
    assert opened - to_nobody - as_client == {"GET /oauth/userinfo", "POST /oauth/userinfo"}


# Of an import that has such rows, and waits: `registration-desk/test_corrections_at_the_desk.py`.
OF_THE_SENDER = {
    "POST /desk/imports/{import_id}/start",
    "POST /desk/imports/{import_id}/refused",
    # Of whoever began it: `developers/test_trying.py`.
    "GET /developers/trials/{secret}",
    "GET /developers/tried",
}


def test_pages_of_staff_open_for_one_role_and_no_program(
    walked: dict[str, access.Walked],
) -> None:
    roles = {
        "/desk": "officer",
        "/staff": "operator",
        "/developers": "developer",
        "/devices": "operator",
        "/auditor": "auditor",
        "/regulator": "regulator",
    }
    for routes in walked.values():
        for route in routes:
            path = route.split()[1]
            for prefix, role in roles.items():
                if f"{path}/".startswith(f"{prefix}/") and "/v1" not in path:
                    expected = set() if route in OF_THE_SENDER else {role}
                    assert let_in(routes, route) == expected, route


@pytest.mark.row("failures", "15")
@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_route_that_costs_much_asks_first_who_brings_it_or_waits_with_its_like(
    model: str, settings: Settings
) -> None:
    regulator = "https://regulator.example" if model == "broker" else None
    chosen = settings.with_sections(Jurisdiction(governance=model, regulator=regulator))  # type: ignore[arg-type]
    build_runtime(chosen, None).close()  # type: ignore[arg-type]
    deployment = governance.assemble(chosen)
    groups = {**deployment.routes, "civitas": system_routes(deployment.runtime, dict)}
    most = settings.of(Server).max_body
    hashing = {d.path for group in groups.values() for d in group if d.hashes}
    assert hashing >= HASHING[model], "a password is hashed behind it: it waits with its like"
    large = [d for group in groups.values() for d in group if (d.max_body or 0) > most]
    assert [d.path for d in large if d.admits is None] == []
    # The second is for strangers, and counted by where they come from before a byte is read.
    places = ["/desk/imports", "/verify"] if model == "provider" else []
    assert [d.path for d in large] == places
    deployment.runtime.close()


MODEL = pytest.mark.parametrize("model", ["provider", "regulator", "broker"])
ALL = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "OPTIONS")


@MODEL
@pytest.mark.rfc("9110", "9.3.7")
@pytest.mark.rfc("9110", "10.2.1")
def test_every_address_says_all_that_can_be_done_there(
    worlds: dict[str, World], model: str
) -> None:
    world = worlds[model]
    http = next(iter(world.callers.values())).visitor.http
    methods: dict[str, set[str]] = {}
    for route in world.routes():
        path = world.filled(route.path).partition("?")[0]
        methods.setdefault(path, {"OPTIONS"}).add(route.method)
        if route.method == "GET":
            methods[path].add("HEAD")
    assert len(methods) > 20
    for path, can in methods.items():
        asked = http.request("OPTIONS", path)
        assert (asked.status_code, asked.content) == (204, b""), path
        allowed = set(asked.headers["allow"].split(", "))
        # A route with a parameter in its path may be there as well.
        assert can <= allowed <= set(ALL), path
        for method in set(ALL) - allowed:
            refused = http.request(method, path, headers={"X-Forwarded-Proto": "https"})
            assert refused.status_code == 405, (method, path)
            assert refused.headers["allow"] == asked.headers["allow"], (method, path)
        for method in allowed - can:
            assert http.request(method, path).status_code != 405, (method, path)
    assert http.request("OPTIONS", "/of-nothing").status_code == 404


@MODEL
@pytest.mark.rfc("9110", "9.3.2")
def test_head_says_what_get_says_but_the_content(worlds: dict[str, World], model: str) -> None:
    world = worlds[model]
    late = ("/sign-out", "/oauth/end-session")
    looking = [r for r in world.routes() if r.method == "GET" and not r.path.startswith(late)]
    for kind, caller in world.callers.items():
        # A browser gets its cookie at the first page that it opens, whichever that is.
        caller.visitor.http.get("/sign-in", headers=caller.headers)
        for route in looking:
            path = world.filled(route.path)
            head, get = (
                caller.visitor.http.request(method, path, headers=caller.headers)
                for method in ("HEAD", "GET")
            )
            where = kind, path
            assert head.status_code == get.status_code, where
            assert head.content == b"", where
            assert set(head.headers) == set(get.headers), where
            for name in ("content-type", "cache-control", "content-length"):
                assert head.headers.get(name) == get.headers.get(name), (where, name)
