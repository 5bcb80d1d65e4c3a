"""Services are told, server to server, that a session ended — OIDC Back-Channel Logout 1.0."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
from sqlalchemy import select, update

from foundation.audit import SYSTEM
from foundation.audit.tables import events
from foundation.runtime import Runtime
from idp import oauth
from idp.oauth import AddedClient, Client, InvalidClientMetadata
from idp.oauth.event_tables import sign_outs
from idp.oauth.logout import outbox
from idp.oauth.sending import AT_ONCE, TO_ONE
from tests.support.authorization_server import AuthorizationServer
from tests.support.ears import Ears, listening

EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def ears() -> Iterator[Ears]:
    with listening() as heard:
        yield heard


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", email="ada@example.org")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.fixture
def service(server: AuthorizationServer, ears: Ears) -> AddedClient:
    return server.add(backchannel_logout_uri=f"{ears.url}/library")


def end_session(server: AuthorizationServer, session: str = "ses_1") -> None:
    with server.runtime.database.write() as uow:
        now = server.runtime.clock.now()
        oauth.TokensEndWithSession().end_session(uow, session, "signed out", now)


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, body, _ = (json.loads(_plain(part)) if i < 2 else part
                     for i, part in enumerate(token.split(".")))  # fmt: skip
    return head, body


def _plain(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def waiting(server: AuthorizationServer) -> list[Any]:
    with server.runtime.database.read() as uow:
        return list(uow.all(select(sign_outs)))


@pytest.mark.rfc("oidc-backchannel", "2.4")
def test_a_logout_token_says_which_session_ended_and_nothing_else_of_the_person(
    server: AuthorizationServer, service: AddedClient, ears: Ears
) -> None:
    id_token = server.tokens(service, "email", scope="openid email")["id_token"]
    _, known = parts(id_token)
    end_session(server)
    assert server.oauth.sign_outs.run() == 1
    (token,) = ears.tokens("/library")
    keys = jwt.PyJWKClient(f"{server.issuer}/oauth/jwks")
    keys.fetch_data = lambda: server.http.get("/oauth/jwks").json()  # type: ignore[method-assign]
    now = server.runtime.clock.now()
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=["ES256"],
        audience=service.client.id,
        issuer=server.issuer,
        options={"verify_exp": False, "verify_iat": False},
    )
    head, _ = parts(token)
    assert head["typ"] == "logout+jwt"
    assert set(claims) == {"iss", "sub", "aud", "iat", "exp", "jti", "events", "sid"}
    assert claims["events"] == {EVENT: {}}
    assert (claims["sub"], claims["sid"]) == (known["sub"], known["sid"])
    assert claims["iat"] == int(now.timestamp())
    assert claims["exp"] - claims["iat"] == 120
    assert waiting(server) == []


@pytest.mark.rfc("oidc-backchannel", "2.5")
def test_who_did_not_register_is_not_told_and_leaves_nothing_behind(
    server: AuthorizationServer, service: AddedClient, ears: Ears
) -> None:
    other = server.add(client_name="Museum")
    server.tokens(other)
    end_session(server)
    assert waiting(server) == []
    assert server.oauth.sign_outs.run() == 0
    assert ears.heard == []


@pytest.mark.rfc("oidc-backchannel", "2.7")
def test_a_service_that_may_go_on_while_the_person_is_away_hears_it_too(
    server: AuthorizationServer, service: AddedClient, ears: Ears
) -> None:
    tokens = server.tokens(service, scope="openid offline_access", prompt="consent")
    end_session(server)
    server.oauth.sign_outs.run()
    assert len(ears.heard) == 1
    assert server.refresh(service, tokens["refresh_token"]).status_code == 200


def test_several_sign_ins_of_one_session_are_told_as_one(
    server: AuthorizationServer, service: AddedClient, ears: Ears
) -> None:
    server.tokens(service)
    server.tokens(service)
    end_session(server)
    end_session(server)
    server.oauth.sign_outs.run()
    assert len(ears.heard) == 1


def test_a_session_that_ends_for_a_second_reason_before_it_was_told_is_told_once(
    server: AuthorizationServer, service: AddedClient, ears: Ears
) -> None:
    server.tokens(service)
    now = server.runtime.clock.now()
    with server.runtime.database.write() as uow:
        oauth.TokensEndWithSession().end_session(uow, "ses_1", "suspend", now)
        oauth.TokensEndWithIdentity().end_identity(uow, "per_1", "suspend", now)
    server.oauth.sign_outs.run()
    assert len(ears.heard) == 1


@pytest.mark.rfc("oidc-backchannel", "2.5")
@pytest.mark.parametrize("how", ["consent", "identity", "person", "everybody"])
def test_what_ends_without_the_session_is_told(
    server: AuthorizationServer, service: AddedClient, ears: Ears, how: str
) -> None:
    server.tokens(service, "email", scope="openid email")
    now = server.runtime.clock.now()
    if how == "consent":
        (consent,) = server.policies.consent.list("per_1")
        server.withdrawal.withdraw(consent.id, "per_1")
    else:
        with server.runtime.database.write() as uow:
            if how == "identity":
                oauth.TokensEndWithIdentity().end_identity(uow, "per_1", "suspend", now)
            elif how == "person":
                server.oauth.stopping.of_person(uow, "per_1", "incident", now)
            else:
                server.oauth.stopping.of_everybody(uow, "incident", now)
    assert server.oauth.sign_outs.run() == 1
    assert len(ears.tokens("/library")) == 1


def test_a_family_that_ends_for_a_replay_ends_no_session_at_the_service(
    server: AuthorizationServer, service: AddedClient, ears: Ears
) -> None:
    code = server.sign_in(service)
    server.redeem(service, code)
    assert server.redeem(service, code).status_code == 400
    assert waiting(server) == []


def fail_after_the_end(server: AuthorizationServer) -> None:
    with server.runtime.database.write() as uow:
        now = server.runtime.clock.now()
        oauth.TokensEndWithSession().end_session(uow, "ses_1", "signed out", now)
        raise ZeroDivisionError


@pytest.mark.rfc("oidc-backchannel", "2.5")
def test_it_is_in_the_same_unit_of_work_as_the_end(
    server: AuthorizationServer, service: AddedClient, ears: Ears
) -> None:
    server.tokens(service)
    with pytest.raises(ZeroDivisionError):
        fail_after_the_end(server)
    assert waiting(server) == []
    end_session(server)
    # What nobody sent before the process died is sent by the next one.
    assert len(waiting(server)) == 1
    assert server.oauth.sign_outs.run() == 1


@pytest.mark.rfc("oidc-backchannel", "2.8")
def test_a_refusal_is_tried_again_with_a_token_of_its_own(
    server: AuthorizationServer, service: AddedClient, ears: Ears, clock: Any
) -> None:
    ears.says["/library"] = 503
    server.tokens(service)
    end_session(server)
    assert server.oauth.sign_outs.run() == 1
    assert server.oauth.sign_outs.run() == 0  # not at once
    (row,) = waiting(server)
    assert "503" in row.last_error
    ears.says["/library"] = 200
    clock.advance(timedelta(seconds=3))
    assert server.oauth.sign_outs.run() == 1
    assert waiting(server) == []
    first, second = (parts(token)[1] for token in ears.tokens("/library"))
    assert first["jti"] != second["jti"]
    assert second["iat"] - first["iat"] == 3


def test_who_never_hears_is_given_up_and_an_auditor_reads_it(
    server: AuthorizationServer, service: AddedClient, ears: Ears, clock: Any
) -> None:
    ears.says["/library"] = 400
    server.tokens(service)
    end_session(server)
    for _ in range(outbox.MOST_ATTEMPTS):
        assert server.oauth.sign_outs.run() == 1
        clock.advance(outbox.LONGEST_PAUSE)
    assert waiting(server) == []
    assert server.oauth.sign_outs.run() == 0
    with server.runtime.database.read() as uow:
        row = uow.one(select(events.c.id).where(events.c.kind == "client.not_told"))
    assert row is not None
    details = server.runtime.audit.details(row.id)["details"]
    assert details["client"] == service.client.id
    assert "per_1" not in str(details)


@pytest.mark.row("failures", "18")
def test_a_clock_that_was_ahead_puts_nothing_off(
    server: AuthorizationServer, service: AddedClient, ears: Ears
) -> None:
    server.tokens(service)
    end_session(server)
    far = server.runtime.clock.now() + timedelta(days=400)
    with server.runtime.database.write() as uow:
        uow.execute(update(sign_outs).values(due_at=far))
    assert server.oauth.sign_outs.run() == 1


@pytest.mark.row("failures", "29")
def test_a_row_that_somebody_else_wrote_is_not_signed(
    server: AuthorizationServer, service: AddedClient, ears: Ears
) -> None:
    server.tokens(service)
    end_session(server)
    with server.runtime.database.engine.begin() as connection:
        connection.execute(update(sign_outs).values(subject="somebody-else"))
    assert server.oauth.sign_outs.run() == 0
    assert ears.heard == []


def test_one_that_hangs_delays_nobody(
    server: AuthorizationServer, service: AddedClient, ears: Ears
) -> None:
    ears.silent.add("/library")
    quick = [
        server.add(client_name=f"S{n}", backchannel_logout_uri=f"{ears.url}/{n}") for n in range(3)
    ]
    for n in range(AT_ONCE):
        server.people.sign_in("per_1", session=f"ses_{n}")
        server.tokens(service)
    for client in quick:
        server.tokens(client)
    for n in range(AT_ONCE):
        end_session(server, f"ses_{n}")
    # As the periodic work would: what can begin begins, whatever hangs.
    begun = []
    while len(ears.heard) < TO_ONE + len(quick):
        begun += server.oauth.sign_outs.start()
    heard = [where for where, _ in ears.heard]
    assert heard.count("/library") == TO_ONE
    assert {"/0", "/1", "/2"} < set(heard)
    ears.wake.set()
    for one in begun:
        one.result(10)


def test_a_suspended_service_is_not_told(
    server: AuthorizationServer, service: AddedClient, ears: Ears
) -> None:
    server.tokens(service)
    end_session(server)
    with server.runtime.database.write() as uow:
        now = server.runtime.clock.now()
        server.oauth.clients.suspend(uow, service.client.id, "incident", SYSTEM, now)
    server.oauth.sign_outs.run()
    assert ears.heard == []
    assert waiting(server) == []


@pytest.mark.rfc("oidc-backchannel", "2.6")
def test_a_logout_token_is_no_id_token(
    server: AuthorizationServer, service: AddedClient, ears: Ears
) -> None:
    server.tokens(service)
    end_session(server)
    server.oauth.sign_outs.run()
    (token,) = ears.tokens("/library")
    answer = server.http.get("/oauth/end-session", params={"id_token_hint": token})
    assert answer.status_code == 400


@pytest.mark.rfc("oidc-backchannel", "2.2")
@pytest.mark.parametrize(
    "uri",
    [
        "http://library.example/out",
        "https://library.example/out#here",
        "https://user@library.example/out",
        "library.example/out",
        "https://library.example/a b",
        "",
        ["https://library.example/out"],
    ],
)
def test_an_address_that_we_would_not_post_to_is_refused_by_name(
    server: AuthorizationServer, uri: object
) -> None:
    with pytest.raises(InvalidClientMetadata) as refused:
        server.add(backchannel_logout_uri=uri)
    assert refused.value.where == "backchannel_logout_uri"


@pytest.mark.rfc("oidc-backchannel", "2.2")
def test_session_required_is_true_or_false(server: AuthorizationServer) -> None:
    with pytest.raises(InvalidClientMetadata) as refused:
        server.add(backchannel_logout_session_required="yes")
    assert refused.value.where == "backchannel_logout_session_required"


@pytest.mark.rfc("oidc-backchannel", "2.1")
def test_discovery_says_so(server: AuthorizationServer) -> None:
    told = server.http.get("/.well-known/openid-configuration").json()
    assert told["backchannel_logout_supported"] is True
    assert told["backchannel_logout_session_supported"] is True


@pytest.mark.row("failures", "6")
def test_an_address_inside_is_not_contacted(
    server: AuthorizationServer, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = server.add(backchannel_logout_uri="https://inside.example/out")
    fetch = server.oauth.sign_outs._fetch
    monkeypatch.setattr(fetch, "_resolve", lambda host, port: ["10.0.0.7"])
    server.tokens(service)
    end_session(server)
    server.oauth.sign_outs.run()
    (row,) = waiting(server)
    assert "not public" in row.last_error


@pytest.mark.rfc("oidc-backchannel", "2.2")
def test_a_service_that_somebody_else_vouches_for_hears_it_too(
    runtime: Runtime, ears: Ears
) -> None:
    leaf = Client(
        id="https://rp.example",
        name="rp.example",
        kind="federated",
        token_endpoint_auth_method="private_key_jwt",
        sector="rp.example",
        redirect_uris=("https://rp.example/cb",),
        scopes=frozenset({"openid"}),
        purposes=("identity.sign-in",),
        backchannel_logout_uri=f"{ears.url}/leaf",
    )

    class Elsewhere:
        def find(self, client_id: str, now: datetime) -> Client | None:
            return leaf if client_id == leaf.id else None

        def would_fetch(self, client_id: str, now: datetime) -> bool:
            return False

    server = AuthorizationServer(runtime, sources=(Elsewhere(),))
    server.people.born("per_1")
    server.people.sign_in("per_1")
    server.sign_in(AddedClient(leaf, None))
    server.sign_in(AddedClient(leaf, None))
    end_session(server)
    assert server.oauth.sign_outs.run() == 1
    assert len(ears.tokens("/leaf")) == 1
