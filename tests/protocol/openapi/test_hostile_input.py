"""Every route, with what nobody should send: an answer below 500, in our frame, telling nothing.

A whole provider answers here: what one route leaves behind must not break the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from foundation import middleware
from foundation.web import Route
from tests.protocol.openapi.callers import signed_in
from tests.support.city import City, Visitor
from tests.support.client import Answer, Asked

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
HEADERS = ("content-security-policy", "x-content-type-options", "referrer-policy")
TRACES = ("Traceback", 'File "/', "sqlalchemy", "site-packages")
LONG = "A" * 100_000

QUERIES: dict[str, bytes] = {
    "a repeated parameter": b"a=1&a=2&client_id=x&client_id=y&start=1&start=2",
    "a NUL": b"client_id=%00&start=%00&return_to=%00&before=%00",
    "half an escape": b"a=%&b=%z1&start=%f",
    "no Unicode": b"client_id=%ff%fe&start=%ff&return_to=%c3%28&lang=%ff",
    "a long value": b"client_id=" + LONG[:8000].encode() + b"&start=" + b"9" * 400,
    "many parameters": b"&".join(b"p%d=1" % n for n in range(500)),
    "a lone surrogate": b"client_id=%ED%A0%80&return_to=%ED%A0%80",
    "a foreign way back": b"return_to=//evil.example/&redirect_uri=javascript:alert(1)&start=-1",
}
BODIES: dict[str, tuple[str | None, bytes]] = {
    "nothing": (None, b""),
    "no content type": (None, b"a=1"),
    "another content type": ("text/plain", b"a=1"),
    "a nonsense content type": ("\u00e4;;=" * 5, b"a=1"),
    "half an escape": (FORM, b"a=%&csrf_token=%zz&token=%"),
    "a repeated parameter": (FORM, b"a=1&a=2&grant_type=x&grant_type=y"),
    "a NUL": (FORM, b"name=%00&password=%00&code=%00&token=%00&grant_type=%00"),
    "no Unicode": (FORM, b"name=%ff&password=%fe&code=%ff&token=%ff"),
    "a lone surrogate": (JSON, b'{"name": "\\ud800", "label": "\\ud800", "reason": "\\ud800"}'),
    "a long value": (FORM, b"code=" + LONG.encode() + b"&token=" + LONG.encode()),
    "too large": (FORM, b"a=" + b"x" * 6_000_000),
    "no JSON": (JSON, b"{"),
    "a JSON list": (JSON, b"[1, 2]"),
    "deep JSON": (JSON, b"[" * 50_000),
    "a large number": (JSON, b'{"challenge": 1' + b"0" * 5000 + b"}"),
    "a repeated member": (JSON, b'{"a": 1, "a": 2}'),
    "NaN": (JSON, b'{"a": NaN, "challenge": NaN}'),
    "wrong types": (JSON, b'{"challenge": {}, "credential": [], "name": 7, "subject": 1}'),
    "broken multipart": ("multipart/form-data; boundary=x", b"--x\r\nContent-Dis"),
    "multipart without a boundary": ("multipart/form-data", b"--x\r\n"),
    "broken base64": ("application/pkcs10", b"!!!!"),
    "no certificate request": ("application/pkcs10", b"MAA="),
}
PATHS = ("%00", "%ff", "..%2f..%2fetc%2fpasswd", "A" * 5000, "%ED%A0%80", "'--", "0")
COOKIES = ("browser", "session", "set-up", "known", "language", "application")


def routes(provider: City) -> Iterator[Route]:
    for group in provider.deployment.routes.values():
        yield from group


PACKAGES = (
    "oauth",
    "policies",
    "login",
    "portal",
    "register",
    "applications",
    "federation",
    "pki",
    "devices",
    "documents",
    "credentials",
    "signing",
    "audit",
    "pages",
    "services",
    "developers",
    "supervision",
    "work",
)


by_package = pytest.mark.parametrize("package", PACKAGES)


@pytest.fixture(autouse=True)
def _gone_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here is still sending when they are refused: no need to linger for them."""
    monkeypatch.setattr(middleware, "LINGER_PAUSE", 0)


@pytest.fixture(scope="module")
def visitors(provider: City) -> tuple[Visitor, ...]:
    """A stranger, and those who get behind the routes: each sends the token of its own forms."""
    made = (provider.browser(), *(signed_in(provider, role) for role in ("officer", "operator")))
    for visitor in made:
        visitor.http.headers["X-CSRF-Token"] = visitor.token()
    return made


def send(visitor: Visitor, *asked: Asked) -> None:
    """Each is answered, and by one of ours."""
    visitor.http.ask_each(asked, take)


def take(asked: Asked, answer: Answer) -> None:
    try:
        check(answer)
    except AssertionError as wrong:
        # Written only where something is wrong: what is sent may be megabytes.
        wrong.add_note(f"{asked.method} {asked.target[:80]} {asked.headers} {asked.content[:80]!r}")
        wrong.add_note(f"{answer.status_code} {answer.text[:300]}")
        raise


def check(answer: Answer) -> None:
    text = answer.text
    assert answer.status_code < 500 or "No checkpoint is signed" in text
    assert not any(trace in text for trace in TRACES)
    for header in HEADERS:
        assert header in answer.headers
    if location := answer.headers.get("location"):
        assert re.match(r"(/(?![/\\])|http://localhost:8000/)", location)


def filled(path: str, value: str = "x") -> str:
    return re.sub(r"\{[^}]+\}", lambda _: value, path)


def test_every_wing_of_the_deployment_is_swept(provider: City) -> None:
    assert set(PACKAGES) == set(provider.deployment.routes)


@by_package
def test_a_hostile_query_is_answered(
    provider: City, visitors: tuple[Visitor, ...], package: str
) -> None:
    for visitor in visitors:
        send(
            visitor,
            *(
                Asked(method, f"{filled(route.path)}?{raw.decode('ascii')}")
                for route in provider.deployment.routes[package]
                for method in route.methods
                for raw in QUERIES.values()
            ),
        )


@by_package
def test_a_hostile_path_is_answered(
    provider: City, visitors: tuple[Visitor, ...], package: str
) -> None:
    for visitor in visitors:
        send(
            visitor,
            *(
                Asked(method, filled(route.path, value))
                for route in provider.deployment.routes[package]
                if "{" in route.path
                for method in route.methods
                for value in PATHS
            ),
        )


@by_package
def test_a_hostile_body_is_answered(
    provider: City, visitors: tuple[Visitor, ...], package: str
) -> None:
    for visitor in visitors:
        send(
            visitor,
            *(
                Asked(
                    method,
                    filled(route.path),
                    {"Content-Type": content_type.encode("latin-1")} if content_type else {},
                    content,
                )
                for route in provider.deployment.routes[package]
                for method in set(route.methods) - {"GET", "OPTIONS"}
                for content_type, content in BODIES.values()
            ),
        )


@by_package
def test_another_method_is_refused_with_those_that_are_possible(
    provider: City, package: str
) -> None:
    allowed: dict[str, set[str]] = {}
    for route in routes(provider):
        allowed.setdefault(route.path, set()).update(route.methods)

    def refused(asked: Asked, answer: Answer) -> None:
        take(asked, answer)
        assert answer.status_code in (404, 405), asked
        if answer.status_code == 405:
            assert answer.headers["allow"]

    others = [
        Asked(method, filled(route.path))
        for route in provider.deployment.routes[package]
        for method in {"DELETE", "PUT", "PATCH", "TRACE", "BREW"} - allowed[route.path]
    ]
    provider.browser().http.ask_each(others, refused)


@by_package
@pytest.mark.parametrize("value", ["\x7f", "A" * 7000, "a.b.c", "e30.e30.", "%00", "=", '"'])
def test_a_hostile_cookie_or_authorization_is_answered(
    provider: City, package: str, value: str
) -> None:
    tag = provider.app.openapi()["components"]["securitySchemes"]["session"]["name"]
    cookies = "; ".join(f"{tag.rsplit('session', 1)[0]}{name}={value}" for name in COOKIES)
    proofs = [{"Cookie": cookies.encode("latin-1")}] + [
        {"Authorization": f"{scheme} {value}".encode("latin-1")}
        for scheme in ("Bearer", "Basic", "DPoP", "")
    ]
    send(
        provider.browser(),
        *(
            Asked(min(route.methods), filled(route.path), proof)
            for route in provider.deployment.routes[package]
            for proof in proofs
        ),
    )
