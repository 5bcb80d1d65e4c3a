"""The gate and strict parsing: what is refused before any flow runs."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from foundation import web
from foundation.edge import Edge
from foundation.errors import OAuthError
from foundation.middleware import Gate
from foundation.runtime import Runtime
from tests.support.client import TestClient


def echo_form(request: Request) -> Response:
    return JSONResponse(dict(web.form(request)))


def echo_query(request: Request) -> Response:
    return JSONResponse(dict(web.query(request, OAuthError)))


def echo_json(request: Request) -> Response:
    return JSONResponse(web.json_object(request))


def who(request: Request) -> Response:
    certificate = web.client_certificate(request)
    seen = [web.client_address(request), certificate is not None, web.client_network(request)]
    return JSONResponse(seen)


def token(request: Request) -> Response:
    return Response(web.csrf_token(request))


def act(request: Request) -> Response:
    web.check_csrf(request, web.form(request))
    return Response("done")


def broken(request: Request) -> Response:
    raise ZeroDivisionError("a secret in a message")


def no_database(request: Request) -> Response:
    raise OperationalError("select secret", {}, Exception("gone"))


def only_officers(request: Request) -> Response:
    return Response(web.require(request, kind="staff", role="officer").id)


ROUTES = [
    Route("/form", echo_form, methods=["POST"]),
    Route("/query", echo_query),
    Route("/json", echo_json, methods=["POST"]),
    Route("/who", who),
    Route("/token", token),
    Route("/act", act, methods=["POST"]),
    Route("/broken", broken),
    Route("/broken/{secret}", broken),
    Route("/no-database", no_database),
    Route("/officers", only_officers),
]


class Gateway:
    """The gate around the routes above, for a chosen caller."""

    def __init__(self, runtime: Runtime) -> None:
        self.principal: web.Principal | None = None
        self.runtime = runtime

    def gate(self, app: Any) -> Gate:
        return Gate(app, **self._settings("http://localhost:8000", ()))

    def client(
        self,
        url: str = "http://localhost:8000",
        proxies: Any = (),
        certificate_header: str | None = None,
    ) -> TestClient:
        gate = Middleware(Gate, **self._settings(url, proxies, certificate_header))
        app = Starlette(routes=ROUTES, middleware=[gate])
        return TestClient(app, base_url=url, follow_redirects=False)

    def _settings(
        self, url: str, proxies: Any, certificate_header: str | None = None
    ) -> dict[str, Any]:
        context = web.Context(
            origins=frozenset({url}),
            cookie_tag="0123abcd",
            secure_cookies=url.startswith("https"),
            trusted_proxies=proxies,
            mac=self.runtime.keys.mac,
            who=lambda request: self.principal,
            client_certificate_header=certificate_header,
        )
        return {
            "context": context,
            "edge": Edge(self.runtime.database, self.runtime.pages),
            "max_body": 1000,
            "observe": lambda scope, status, seconds: None,
        }


@pytest.fixture
def gateway(runtime: Runtime) -> Gateway:
    return Gateway(runtime)


def refused(response: httpx.Response, status: int, said: str) -> None:
    assert response.status_code == status
    assert said in response.text
    assert "Traceback" not in response.text


def test_a_form_is_read_once_and_whole(gateway: Gateway) -> None:
    answer = gateway.client().post("/form", data={"a": "1", "b": ""})
    assert answer.json() == {"a": "1"}, "what has no value is not there"


@pytest.mark.rfc("6749", "3.2")
@pytest.mark.parametrize("content", ["a=1&a=2", "a=1&a=1"])
def test_a_repeated_parameter_is_refused(gateway: Gateway, content: str) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    refused(gateway.client().post("/form", content=content, headers=kind), 400, "a is repeated")
    refused(gateway.client().get(f"/query?{content}"), 400, "a is repeated")


@pytest.mark.parametrize("content", [b"a=%ff", b"\xff=1", b"a=%00", b"&".join([b"a=1"] * 200)])
def test_a_malformed_form_is_refused(gateway: Gateway, content: bytes) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert gateway.client().post("/form", content=content, headers=kind).status_code == 400


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"a":1,"a":2}', b"\xff", b"[" * 900])
def test_malformed_json_is_refused(gateway: Gateway, content: bytes) -> None:
    kind = {"content-type": "application/json"}
    assert gateway.client().post("/json", content=content, headers=kind).status_code == 400


def test_an_oversized_body_is_refused_at_the_door(gateway: Gateway) -> None:
    refused(gateway.client().post("/form", content=b"a=" + b"x" * 1000), 413, "1000 bytes")
    pieces = (b"x" * 600 for _ in range(2))  # chunked, so it declares no length
    refused(gateway.client().post("/form", content=pieces), 413, "1000 bytes")


def test_a_nul_in_the_path_is_refused(gateway: Gateway) -> None:
    assert gateway.client().get("/form%00").status_code == 400


def test_every_answer_carries_the_security_headers(gateway: Gateway) -> None:
    for path in ("/query", "/broken", "/nowhere"):
        headers = gateway.client().get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert policy.endswith("form-action 'self'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    secure = gateway.client("https://id.example").get("/query").headers
    assert "max-age" in secure["strict-transport-security"]


def test_a_defect_tells_nothing_but_a_reference(gateway: Gateway) -> None:
    answer = gateway.client().get("/broken")
    refused(answer, 500, "err_")
    assert "secret" not in answer.text


def test_a_database_that_is_away_is_a_503(gateway: Gateway) -> None:
    answer = gateway.client().get("/no-database")
    refused(answer, 503, "nothing was changed")
    assert answer.headers["retry-after"] == "5"
    assert "select" not in answer.text


@pytest.mark.rfc("6749", "5.2")
def test_a_protocol_renders_its_own_error(gateway: Gateway) -> None:
    answer = gateway.client().get("/query?a=1&a=2")
    assert answer.json()["error"] == "invalid_request"
    assert answer.headers["cache-control"] == "no-store"


def test_a_browser_gets_a_page_and_a_program_json(gateway: Gateway) -> None:
    page = gateway.client().get("/form%00", headers={"accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert gateway.client().get("/form%00").headers["content-type"] == "application/problem+json"


# ── who calls ─────────────────────────────────────────────────────────────────────────────


def test_a_forwarded_header_counts_from_a_trusted_proxy_only(gateway: Gateway) -> None:
    forged = {"x-forwarded-for": "203.0.113.7", "x-ssl-client-cert": "nonsense"}
    assert gateway.client().get("/who", headers=forged).json() == [
        "testclient",
        False,
        "testclient",
    ]
    trusting = gateway.client(proxies=("testclient",))
    assert trusting.get("/who", headers={"x-forwarded-for": "1.2.3.4, 203.0.113.7"}).json() == [
        "203.0.113.7",
        False,
        "203.0.113.7",
    ]


def certificate_lines() -> dict[str, str]:
    """One certificate, as each header carries it."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lamp")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 3, 2, tzinfo=UTC))
        .not_valid_after(datetime(2027, 3, 2, tzinfo=UTC))
        .sign(key, None)
    )
    return {
        "X-SSL-Client-Cert": quote(made.public_bytes(Encoding.PEM)),
        "Client-Cert": f":{base64.b64encode(made.public_bytes(Encoding.DER)).decode()}:",
    }


@pytest.mark.rfc("9440", "4")
@pytest.mark.parametrize("named", ["X-SSL-Client-Cert", "Client-Cert"])
def test_a_certificate_counts_only_in_the_header_that_the_proxy_sets(
    gateway: Gateway, named: str
) -> None:
    trusting = gateway.client(proxies=("testclient",), certificate_header=named)
    for header, value in certificate_lines().items():
        seen = trusting.get("/who", headers={header: value}).json()[1]
        assert seen is (header == named)
    refused(trusting.get("/who", headers={named: "nonsense"}), 400, "client certificate")


@pytest.mark.rfc("9440", "4")
@pytest.mark.parametrize(
    "trust", [{"proxies": ("testclient",)}, {"certificate_header": "Client-Cert"}]
)
def test_without_a_named_header_and_a_trusted_proxy_no_header_holds_a_certificate(
    gateway: Gateway, trust: dict[str, Any]
) -> None:
    answer = gateway.client(**trust).get("/who", headers=certificate_lines())
    assert answer.json()[1] is False


def test_a_certificate_header_that_stands_twice_is_refused(gateway: Gateway) -> None:
    trusting = gateway.client(proxies=("testclient",), certificate_header="Client-Cert")
    line = ("Client-Cert", certificate_lines()["Client-Cert"])
    refused(trusting.get("/who", headers=[line, line]), 400, "client certificate")


def test_a_callers_own_forwarded_line_does_not_speak_for_the_proxy(gateway: Gateway) -> None:
    trusting = gateway.client(proxies=("testclient",))
    lines = [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", "203.0.113.7")]
    assert trusting.get("/who", headers=lines).json()[0] == "203.0.113.7"
    for nonsense in ("unknown", "1.2.3.4:5678", "x" * 5000):
        answer = trusting.get("/who", headers={"x-forwarded-for": nonsense})
        assert answer.json()[0] == "testclient"


@pytest.mark.row("assurance", "X.1253-9.3-4")
def test_attempts_from_one_ipv6_network_count_as_one_source(gateway: Gateway) -> None:
    trusting = gateway.client(proxies=("testclient",))

    def counted(address: str) -> str:
        network: str = trusting.get("/who", headers={"x-forwarded-for": address}).json()[2]
        return network

    assert counted("2001:db8:1:2::1") == counted("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert counted("2001:db8:1:3::1") != counted("2001:db8:1:2::1")
    assert counted("::ffff:203.0.113.7") == counted("203.0.113.7") == "203.0.113.7"


def test_a_body_that_breaks_off_is_not_acted_upon(gateway: Gateway) -> None:
    import anyio

    acted: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        acted.append(scope["civitas.body"])

    gate = gateway.gate(app)
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"reason=only+hal", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None: ...

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/act",
        "query_string": b"",
        "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
        "client": ("testclient", 1),
        "server": ("localhost", 8000),
        "scheme": "http",
    }
    anyio.run(gate, scope, receive, send)
    assert acted == []


def test_an_early_answer_cannot_begin_another_header() -> None:
    from foundation.errors import SeeOther

    answer = SeeOther("/desk/persons/a\r\nSet-Cookie: b=c").render(Request({"type": "http"}))
    assert "\r" not in answer.headers["location"]
    assert "%0D%0A" in answer.headers["location"]


def test_a_defect_is_logged_under_its_route_not_its_path(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.client().get("/broken/inv_secret-of-somebody")
    assert "/broken/{secret}" in caplog.text
    assert "secret-of-somebody" not in caplog.text


def test_a_route_for_staff_is_closed_to_others(gateway: Gateway) -> None:
    client = gateway.client()
    refused(client.get("/officers"), 401, "who calls")
    to_sign_in = client.get("/officers?x=1", headers={"accept": "text/html"})
    assert to_sign_in.headers["location"] == "/sign-in?return_to=%2Fofficers%3Fx%3D1"
    gateway.principal = web.Principal("citizen", "per_1")
    refused(client.get("/officers"), 403, "not open to citizens")
    gateway.principal = web.Principal("staff", "stf_1", frozenset({"operator"}))
    refused(client.get("/officers"), 403, "for registration officers")
    gateway.principal = web.Principal("staff", "stf_1", frozenset({"officer"}))
    assert client.get("/officers").text == "stf_1"


# ── forms come from our pages ─────────────────────────────────────────────────────────────


def test_a_form_of_ours_is_accepted_and_a_forged_one_is_not(gateway: Gateway) -> None:
    client = gateway.client()
    good = client.get("/token").text
    assert client.post("/act", data={"csrf_token": good}).text == "done"
    refused(client.post("/act", data={"x": "1"}), 403, "not sent from a page")
    refused(client.post("/act", data={"csrf_token": good[:-1] + "é"}), 403, "not sent")
    elsewhere = gateway.client().post("/act", data={"csrf_token": good})
    assert elsewhere.status_code == 403  # another browser's token


@pytest.mark.parametrize("header", [{"origin": "https://evil"}, {"sec-fetch-site": "cross-site"}])
def test_a_form_from_elsewhere_is_refused_even_with_a_token(
    gateway: Gateway, header: dict[str, str]
) -> None:
    client = gateway.client()
    good = client.get("/token").text
    answer = client.post("/act", data={"csrf_token": good}, headers=header)
    assert answer.status_code == 403


def test_cookies_are_host_only_and_named_by_issuer(gateway: Gateway) -> None:
    plain = gateway.client().get("/token").headers["set-cookie"]
    assert plain.startswith("civitas-0123abcd-browser-")
    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    secure = gateway.client("https://id.example").get("/token").headers["set-cookie"]
    assert secure.startswith("__Host-civitas-")
    assert "Secure" in secure
