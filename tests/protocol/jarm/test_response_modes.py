"""How answers come to a service — OAuth 2.0 Form Post Response Mode 1.0; JARM §2."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest

from idp import oauth
from idp.oauth import AddedClient
from idp.oauth.way_back import RESPONSE_MODES
from tests.support.authorization_server import CALLBACK, AuthorizationServer

POSTED = ("form_post", "form_post.jwt")
SIGNED = ("jwt", "query.jwt", "fragment.jwt", "form_post.jwt")


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", email="ada@example.org")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.fixture
def service(server: AuthorizationServer) -> AddedClient:
    return server.add()


def said(
    server: AuthorizationServer, mode: str, answer: Any, client: AddedClient
) -> dict[str, str]:
    """What the service reads of an answer in this mode, which has to be the way it came."""
    if mode in POSTED:
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        form = re.search(
            r'<form id="answer" method="post" action="([^"]+)">(.*?)</form>', answer.text, re.DOTALL
        )
        assert form is not None
        assert html.unescape(form[1]) == CALLBACK
        fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[2])
        parameters = {name: html.unescape(value) for name, value in fields}
    else:
        assert answer.status_code == 303, answer.text
        place = urlsplit(answer.headers["location"])
        assert f"{place.scheme}://{place.netloc}{place.path}" == CALLBACK
        in_fragment = mode.startswith("fragment")
        assert bool(place.fragment) is in_fragment
        assert bool(place.query) is not in_fragment
        parameters = dict(parse_qsl(place.fragment or place.query))
    if mode not in SIGNED:
        return parameters
    assert set(parameters) == {"response"}
    return opened(server, parameters["response"], client)


def opened(server: AuthorizationServer, token: str, client: AddedClient) -> dict[str, Any]:
    keys = jwt.PyJWKSet.from_dict(server.http.get("/oauth/jwks").json())
    header = jwt.get_unverified_header(token)
    assert header["typ"] != "JWT"
    claims: dict[str, Any] = jwt.decode(
        token,
        keys[header["kid"]].key,
        algorithms=[header["alg"]],
        audience=client.client.id,
        issuer=server.issuer,
        options={"verify_exp": False},
    )
    now = server.runtime.clock.now()
    assert now.timestamp() < claims["exp"] <= (now + timedelta(minutes=10)).timestamp()
    return claims


@pytest.mark.rfc("jarm", "2.3")
@pytest.mark.rfc("form-post", "2")
@pytest.mark.parametrize("mode", RESPONSE_MODES)
def test_a_code_comes_in_the_mode_that_was_asked_for(
    server: AuthorizationServer, service: AddedClient, mode: str
) -> None:
    answer = server.answer(server.authorize(service, response_mode=mode))
    told = said(server, mode, answer, service)
    assert told["state"] == "af0ifjsldkj"
    assert told["iss"] == server.issuer
    assert server.redeem(service, told["code"]).status_code == 200
    # Who has answered before goes through without a page of questions.
    silent = server.authorize(service, response_mode=mode, prompt="none")
    assert said(server, mode, silent, service)["code"]


@pytest.mark.rfc("jarm", "2.2")
@pytest.mark.parametrize("mode", RESPONSE_MODES)
@pytest.mark.parametrize(
    ("changed", "error"),
    [({"scope": "openid everything"}, "invalid_scope"), ({"prompt": "none"}, "login_required")],
)
def test_an_error_comes_in_the_mode_that_was_asked_for(
    server: AuthorizationServer,
    service: AddedClient,
    mode: str,
    changed: dict[str, str],
    error: str,
) -> None:
    answer = server.authorize(service, response_mode=mode, **changed)
    told = said(server, mode, answer, service)
    assert (told["error"], told["iss"]) == (error, server.issuer)
    assert "code" not in told


@pytest.mark.parametrize("mode", RESPONSE_MODES)
def test_a_refusal_and_an_impatient_person_are_told_in_it_too(
    server: AuthorizationServer, service: AddedClient, mode: str
) -> None:
    asked = server.authorize(service, response_mode=mode)
    handle = dict(parse_qsl(urlsplit(asked.headers["location"]).query))["transaction"]
    told = said(server, mode, server.answer(asked, choice="refuse"), service)
    assert told["error"] == "access_denied"
    server.people.present = None
    asked = server.authorize(service, response_mode=mode)
    back = dict(parse_qsl(urlsplit(asked.headers["location"]).query))["return_to"]
    handle = dict(parse_qsl(urlsplit(back).query))["transaction"]
    for _ in range(2):
        gone = server.http.get("/oauth/cancel", params={"transaction": handle})
        assert said(server, mode, gone, service)["error"] == "access_denied"


@pytest.mark.rfc("jarm", "2.3")
@pytest.mark.row("failures", "27")
def test_the_same_answer_once_more_gives_the_same_code_while_it_is_unused(
    server: AuthorizationServer, service: AddedClient
) -> None:
    server.sign_in(service)
    for mode in ("form_post.jwt", "query.jwt"):
        server.people.present = None
        asked = server.authorize(service, response_mode=mode)
        server.people.sign_in("per_1")
        back = dict(parse_qsl(urlsplit(asked.headers["location"]).query))["return_to"]
        first, second = server.http.get(back), server.http.get(back)
        one, two = (said(server, mode, answer, service) for answer in (first, second))
        assert one["code"] == two["code"]
        assert server.redeem(service, one["code"]).status_code == 200
        assert server.http.get(back).status_code == 400


@pytest.mark.rfc("jarm", "3")
def test_answers_are_signed_by_what_was_registered(server: AuthorizationServer) -> None:
    oauth.prepare(server.runtime)
    for more, algorithm in (
        ({}, "ES256"),
        ({"id_token_signed_response_alg": "RS256"}, "RS256"),
        ({"authorization_signed_response_alg": "RS256"}, "RS256"),
        (
            {
                "id_token_signed_response_alg": "RS256",
                "authorization_signed_response_alg": "ES256",
            },
            "ES256",
        ),
    ):
        service = server.add(**more)
        answer = server.authorize(service, response_mode="jwt", scope="none")
        token = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["response"]
        assert jwt.get_unverified_header(token)["alg"] == algorithm
        assert opened(server, token, service)["error"] == "invalid_scope"


@pytest.mark.rfc("jarm", "2.1")
def test_a_signed_answer_is_no_id_token(server: AuthorizationServer, service: AddedClient) -> None:
    answer = server.authorize(service, response_mode="jwt", scope="none")
    token = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["response"]
    hinted = server.authorize(service, id_token_hint=token)
    assert "invalid_request" in hinted.headers["location"]


@pytest.mark.parametrize("mode", ["x", "jwt.query", "form_post.x", "web_message", "JWT"])
def test_a_mode_that_there_is_not_is_refused_in_the_query(
    server: AuthorizationServer, service: AddedClient, mode: str
) -> None:
    answer = server.authorize(service, response_mode=mode)
    assert said(server, "query", answer, service)["error"] == "invalid_request"


@pytest.mark.rfc("form-post", "4")
def test_what_a_service_sent_is_written_safely_into_the_page(
    server: AuthorizationServer, service: AddedClient
) -> None:
    hostile = '"><script>alert(1)</script>'
    answer = server.authorize(service, response_mode="form_post", scope="none", state=hostile)
    assert "<script>alert" not in answer.text
    assert said(server, "form_post", answer, service)["state"] == hostile
    assert "form-action" not in answer.headers["content-security-policy"]
    assert "csrf" not in re.search(r'<form id="answer".*?</form>', answer.text, re.DOTALL)[0]  # type: ignore[index]


def test_the_way_back_from_a_page_of_ours_is_a_link(
    server: AuthorizationServer, service: AddedClient
) -> None:
    server.people.present = None
    asked = server.authorize(service, response_mode="form_post.jwt")
    back = dict(parse_qsl(urlsplit(asked.headers["location"]).query))["return_to"]
    handle = dict(parse_qsl(urlsplit(back).query))["transaction"]
    page = server.http.post(
        "/oauth/consent", data={"transaction": handle}, headers={"Accept": "text/html"}
    )
    assert page.status_code == 403
    assert f'href="/oauth/cancel?transaction={handle}"' in page.text


def test_metadata_names_every_mode(server: AuthorizationServer) -> None:
    metadata = server.http.get("/.well-known/openid-configuration").json()
    assert metadata["response_modes_supported"] == list(RESPONSE_MODES)
    assert metadata["authorization_signing_alg_values_supported"] == ["ES256", "RS256"]
