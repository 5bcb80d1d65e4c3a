"""Services sign out by pages of theirs in frames of ours — OIDC Front-Channel Logout 1.0."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from idp.oauth import AddedClient, InvalidClientMetadata
from tests.support.authorization_server import AuthorizationServer, hidden_fields

BYE = "https://library.example/bye"
FRAME = "https://library.example/out"


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.fixture
def service(server: AuthorizationServer) -> AddedClient:
    return server.add(
        post_logout_redirect_uris=[BYE],
        frontchannel_logout_uri=FRAME,
        frontchannel_logout_session_required=True,
    )


def museum(server: AuthorizationServer, **more: Any) -> AddedClient:
    home = "https://museum.example:8443"
    return server.add(
        client_name="Museum",
        redirect_uris=[f"{home}/callback"],
        frontchannel_logout_uri=f"{home}/out?now=1",
        **more,
    )


def frames(page: Any) -> list[str]:
    return [html.unescape(src) for src in re.findall(r'<iframe[^>]* src="([^"]+)"', page.text)]


def policy(page: Any) -> list[str]:
    rules = page.headers["content-security-policy"].split("; ")
    (rule,) = [r for r in rules if r.startswith("frame-src ")] or ["frame-src"]
    return sorted(rule.split()[1:])


@pytest.mark.rfc("oidc-frontchannel", "3")
def test_the_last_page_frames_every_service_of_the_session(
    server: AuthorizationServer, service: AddedClient
) -> None:
    hint = server.tokens(service)["id_token"]
    server.tokens(museum(server))
    page = server.http.get("/oauth/end-session", params={"id_token_hint": hint})
    assert page.status_code == 200
    assert server.people.present is None
    ours, theirs = sorted(frames(page))
    assert theirs == "https://museum.example:8443/out?now=1"
    known = jwt.decode(hint, options={"verify_signature": False})
    assert ours.startswith(FRAME + "?")
    assert parse_qs(urlsplit(ours).query) == {"iss": [server.issuer], "sid": [known["sid"]]}
    assert policy(page) == ["https://library.example", "https://museum.example:8443"]
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.rfc("oidc-frontchannel", "3")
def test_with_a_way_back_the_frames_come_first_and_the_page_goes_on(
    server: AuthorizationServer, service: AddedClient
) -> None:
    hint = server.tokens(service)["id_token"]
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": BYE, "state": "a&b"}
    page = server.http.get("/oauth/end-session", params=asked)
    assert page.status_code == 200
    assert len(frames(page)) == 1
    (way,) = re.findall(r'id="goes-on" href="([^"]+)"', page.text)
    assert html.unescape(way) == f"{BYE}?state=a%26b"
    assert "signed_out." in page.text
    assert "<script>" not in page.text


def test_who_stays_sees_no_frame(server: AuthorizationServer, service: AddedClient) -> None:
    server.tokens(service)
    asked = {"client_id": service.client.id, "post_logout_redirect_uri": BYE}
    fields = hidden_fields(server.http.get("/oauth/end-session", params=asked).text)
    page = server.http.post("/oauth/end-session/confirm", data={**fields, "answer": "stay"})
    assert frames(page) == []
    assert "signed_out." not in page.text
    assert policy(page) == []


def test_a_service_of_another_session_or_without_the_switch_is_not_framed(
    server: AuthorizationServer, service: AddedClient
) -> None:
    server.tokens(service)
    server.people.sign_in("per_1", session="ses_2")
    other = server.add(client_name="Archive")
    hint = server.tokens(other)["id_token"]
    page = server.http.get("/oauth/end-session", params={"id_token_hint": hint})
    assert frames(page) == []


def test_a_suspended_service_is_not_framed(
    server: AuthorizationServer, service: AddedClient
) -> None:
    from foundation.audit import SYSTEM

    server.tokens(service)
    with server.runtime.database.write() as uow:
        now = server.runtime.clock.now()
        server.oauth.clients.suspend(uow, service.client.id, "incident", SYSTEM, now)
    assert server.oauth.frames.of("ses_1") == ()


@pytest.mark.parametrize(
    "wrong", ["", "ses_1", "ses_1.9999999999.AAAA", "ses_1.x.y", "..", "é.1.é"]
)
def test_nobody_makes_a_page_with_frames_up(
    server: AuthorizationServer, service: AddedClient, wrong: str
) -> None:
    server.tokens(service)
    asked: Any = SimpleNamespace(query_params={"of": wrong})
    assert server.oauth.frames.marked(asked) == ()


def test_the_mark_of_a_session_is_good_for_some_minutes(
    server: AuthorizationServer, service: AddedClient, clock: Any
) -> None:
    server.tokens(service)
    asked: Any = SimpleNamespace(query_params={"of": server.oauth.frames.mark("ses_1")})
    assert len(server.oauth.frames.marked(asked)) == 1
    clock.advance(timedelta(minutes=6))
    assert server.oauth.frames.marked(asked) == ()
    assert server.oauth.frames.mark("ses_nobody") == ""


@pytest.mark.rfc("oidc-frontchannel", "2")
@pytest.mark.parametrize(
    "uri",
    [
        "https://elsewhere.example/out",
        "https://library.example:8443/out",
        "http://library.example/out",
        "https://library.example/out#x",
        "https://library.example;script-src/out",
    ],
)
def test_a_frame_of_another_origin_is_refused_by_name(
    server: AuthorizationServer, uri: str
) -> None:
    with pytest.raises(InvalidClientMetadata) as refused:
        server.add(frontchannel_logout_uri=uri)
    assert refused.value.where == "frontchannel_logout_uri"


def test_no_host_writes_a_rule_into_our_header(server: AuthorizationServer) -> None:
    strange = "https://library.example;sandbox"
    with pytest.raises(InvalidClientMetadata):
        server.add(redirect_uris=[f"{strange}/cb"], frontchannel_logout_uri=f"{strange}/out")


@pytest.mark.rfc("oidc-frontchannel", "2")
def test_discovery_says_so(server: AuthorizationServer) -> None:
    told = server.http.get("/.well-known/openid-configuration").json()
    assert told["frontchannel_logout_supported"] is True
    assert told["frontchannel_logout_session_supported"] is True
