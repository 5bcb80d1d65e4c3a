"""The authorization request: what is refused, where, and how — RFC 6749 §3.1, §4.1."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from foundation.clock import FrozenClock
from tests.support.authorization_server import CALLBACK, AuthorizationServer, answer_of


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", given_name="Ada")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.mark.rfc("6749", "3.1.2")
@pytest.mark.row("failures", "1")
@pytest.mark.parametrize(
    "uri",
    [
        CALLBACK + "/",
        CALLBACK + "?next=1",
        CALLBACK + "#x",
        CALLBACK + "/../evil",
        CALLBACK + "/..;/evil",
        CALLBACK + "%2f",
        CALLBACK.replace("callback", "Callback"),
        CALLBACK.replace("https", "HTTPS"),
        CALLBACK.replace("https", "http"),
        CALLBACK.replace("library.example", "library.example:443"),
        CALLBACK.replace("library.example", "library.example@evil.example"),
        CALLBACK.replace("library.example", "library.example.evil.example"),
        CALLBACK.replace("library.example", "LIBRARY.example"),
        CALLBACK + " ",
        CALLBACK + "\n",
        "https://evil.example/callback",
        "javascript:alert(1)",
        "//library.example/callback",
    ],
)
def test_a_redirect_uri_that_is_not_exactly_registered_gives_a_page_and_no_redirect(
    server: AuthorizationServer, uri: str
) -> None:
    response = server.authorize(server.add(), redirect_uri=uri)
    assert response.status_code == 400
    assert "location" not in response.headers
    assert response.json()["where"] == "redirect_uri"


@pytest.mark.rfc("6749", "3.1")
@pytest.mark.row("failures", "1")
@pytest.mark.parametrize("name", ["redirect_uri", "client_id", "state", "scope"])
def test_a_repeated_parameter_gives_a_page_and_no_redirect(
    server: AuthorizationServer, name: str
) -> None:
    parameters = server.parameters(server.add())
    doubled = [*parameters.items(), (name, parameters[name])]
    response = server.http.get("/oauth/authorize", params=doubled)
    assert response.status_code == 400
    assert "location" not in response.headers
    assert name in response.json()["detail"]


@pytest.mark.rfc("6749", "4.1.2.1")
def test_an_unknown_client_gives_a_page_and_no_redirect(server: AuthorizationServer) -> None:
    response = server.authorize(server.add(), client_id="svc_nobody")
    assert response.status_code == 400
    assert response.json()["where"] == "client_id"


@pytest.mark.rfc("6749", "4.1.2.1")
def test_a_person_sees_a_page_and_not_json(server: AuthorizationServer) -> None:
    response = server.http.get(
        "/oauth/authorize", params={"client_id": "x"}, headers={"Accept": "text/html"}
    )
    assert response.status_code == 400
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.rfc("6749", "4.1.2.1")
@pytest.mark.rfc("9207", "2")
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "none"}, "unsupported_response_type"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"response_mode": "jwt.query"}, "invalid_request"),
        ({"response_mode": "query", "response_type": "token"}, "unsupported_response_type"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": "openid\tprofile"}, "invalid_scope"),
        ({"scope": "openid address"}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"claims": "{"}, "invalid_request"),
        ({"claims": "[]"}, "invalid_request"),
        ({"purpose": "mobility"}, "invalid_request"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"request_uri": "https://library.example/r"}, "request_uri_not_supported"),
        ({"nonce": "n" * 5000}, "invalid_request"),
    ],
)
def test_an_error_after_the_redirect_is_trusted_goes_back_with_state_and_issuer(
    server: AuthorizationServer, changed: dict[str, str | None], error: str
) -> None:
    response = server.authorize(server.add(), **changed)
    assert response.status_code == 303
    assert response.headers["location"].startswith(CALLBACK + "?")
    answer = answer_of(response)
    assert answer["error"] == error
    assert answer["state"] == "af0ifjsldkj"
    assert answer["iss"] == server.issuer


@pytest.mark.rfc("6749", "3.1.2")
def test_a_query_in_the_registered_redirect_uri_is_kept(server: AuthorizationServer) -> None:
    service = server.add(redirect_uris=[CALLBACK + "?city=1"])
    response = server.authorize(service, response_type="none")
    assert response.headers["location"].startswith(CALLBACK + "?city=1&error=")
    response = server.authorize(service, response_type="none", response_mode="fragment")
    assert response.headers["location"].startswith(CALLBACK + "?city=1#error=")


@pytest.mark.rfc("oauth-v2-multiple-response-types", "2.1")
@pytest.mark.rfc("oauth-v2-multiple-response-types", "5")
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_mode": "fragment", "scope": "profile"}, "invalid_scope"),
        ({"response_mode": "fragment", "response_type": None}, "invalid_request"),
        ({"response_mode": "fragment", "prompt": "none"}, "login_required"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "code id_token", "response_mode": "web_message"}, None),
    ],
)
def test_an_error_is_in_the_fragment_where_the_service_reads_the_fragment(
    server: AuthorizationServer, changed: dict[str, str | None], error: str | None
) -> None:
    location = server.authorize(server.add(), **changed).headers["location"]
    assert location.startswith(CALLBACK + "#")
    answer = dict(parse_qsl(urlsplit(location).fragment))
    assert answer["error"] == (error or "unsupported_response_type")
    assert answer["error_description"]
    assert answer["state"] == "af0ifjsldkj"
    assert answer["iss"] == server.issuer


@pytest.mark.rfc("oauth-v2-multiple-response-types", "2.1")
@pytest.mark.parametrize(("mode", "mark"), [("fragment", "#"), ("query", "?"), (None, "?")])
def test_code_and_refusal_arrive_as_the_response_mode_says(
    server: AuthorizationServer, mode: str | None, mark: str
) -> None:
    service = server.add()
    refused = server.answer(server.authorize(service, response_mode=mode), choice="refuse")
    assert refused.headers["location"].startswith(CALLBACK + mark + "error=access_denied")
    given = server.answer(server.authorize(service, response_mode=mode))
    assert given.headers["location"].startswith(CALLBACK + mark + "code=")
    assert server.redeem(service, answer_of(given)["code"]).status_code == 200


@pytest.mark.rfc("6749", "3.1")
def test_the_request_may_come_by_post(server: AuthorizationServer) -> None:
    response = server.http.post("/oauth/authorize", data=server.parameters(server.add()))
    assert response.status_code == 303
    assert response.headers["location"].startswith("/oauth/consent?")


@pytest.mark.rfc("8252", "7.3")
@pytest.mark.row("failures", "1")
def test_only_the_port_of_a_loopback_literal_may_differ(server: AuthorizationServer) -> None:
    service = server.add(redirect_uris=["http://127.0.0.1/cb"], token_endpoint_auth_method="none")
    assert server.authorize(service, redirect_uri="http://127.0.0.1:49152/cb").status_code == 303
    for other in (
        "http://127.0.0.1:49152/cb2",
        "http://127.0.0.2:49152/cb",
        "http://localhost:49152/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "https://127.0.0.1:49152/cb",
    ):
        assert server.authorize(service, redirect_uri=other).status_code == 400, other


@pytest.mark.row("failures", "5")
def test_a_transaction_handle_without_its_browser_cookie_fails(
    server: AuthorizationServer,
) -> None:
    server.people.present = None
    service = server.add()
    response = server.authorize(service)
    back = server.people.asked[-1].return_to
    server.people.sign_in("per_1")
    assert response.headers["location"].startswith("/sign-in?")
    assert server.browser().get(back).status_code == 400
    assert server.http.get(back).status_code == 303


@pytest.mark.row("failures", "5")
def test_a_waiting_request_resumes_once(server: AuthorizationServer) -> None:
    server.people.present = None
    server.authorize(server.add())
    back = server.people.asked[-1].return_to
    server.people.sign_in("per_1")
    asked = server.http.get(back)
    # An impatient browser is led to the same question, until that is answered.
    assert server.http.get(back).headers["location"] == asked.headers["location"]
    assert "code" in answer_of(server.answer(asked))
    assert server.http.get(back).status_code == 400


def test_a_waiting_request_expires(server: AuthorizationServer, clock: FrozenClock) -> None:
    server.people.present = None
    server.authorize(server.add())
    clock.advance(timedelta(minutes=31))
    server.people.sign_in("per_1")
    assert server.http.get(server.people.asked[-1].return_to).status_code == 400


@pytest.mark.row("failures", "5")
def test_cancelling_prompt_login_never_passes_the_old_session_off_as_new(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    clock.advance(timedelta(seconds=1))
    response = server.authorize(server.add(), prompt="login")
    assert response.headers["location"].startswith("/sign-in?")
    cancelled = server.http.get(server.people.asked[-1].return_to)
    assert answer_of(cancelled)["error"] == "login_required"


def test_prompt_login_goes_on_after_a_new_sign_in(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    server.authorize(server.add(), prompt="login")
    back = server.people.asked[-1].return_to
    clock.advance(timedelta(seconds=5))
    server.people.sign_in("per_1", session="ses_2")
    assert server.http.get(back).headers["location"].startswith("/oauth/consent?")


def test_many_requests_from_one_address_are_slowed_down(server: AuthorizationServer) -> None:
    service = server.add()
    statuses = {server.authorize(service).status_code for _ in range(125)}
    assert statuses == {303, 429}
