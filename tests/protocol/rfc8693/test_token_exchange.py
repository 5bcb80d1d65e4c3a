"""A resource goes on to the next one for a person — RFC 8693, delegation with `act`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest

from idp.oauth import AddedClient, InvalidClientMetadata
from idp.oauth.client import TOKEN_EXCHANGE
from tests.support.authorization_server import AuthorizationServer
from tests.support.dpop import ProofKey

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
PAYMENTS, LEDGER, ARCHIVE = "https://pay.example", "https://ledger.example", "https://old.example"


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", email="ada@example.org")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.fixture
def shop(server: AuthorizationServer) -> AddedClient:
    return server.add(scope="openid email pay:once", audiences=[PAYMENTS])


def resource(server: AuthorizationServer, uri: str, *goes_on_to: str, **more: Any) -> AddedClient:
    return server.add(
        client_name=uri,
        redirect_uris=None,
        grant_types=[TOKEN_EXCHANGE, "client_credentials"]
        if goes_on_to
        else ["client_credentials"],
        scope="pay:once pay:read",
        resource=uri,
        audiences=list(goes_on_to) or None,
        sector=uri.removeprefix("https://"),
        **more,
    )


@pytest.fixture
def payments(server: AuthorizationServer) -> AddedClient:
    return resource(server, PAYMENTS, LEDGER)


@pytest.fixture
def ledger(server: AuthorizationServer) -> AddedClient:
    return resource(server, LEDGER, ARCHIVE)


@pytest.fixture
def shown(server: AuthorizationServer, shop: AddedClient) -> str:
    scope = "openid pay:once"
    return str(server.tokens(shop, resource=PAYMENTS, scope=scope)["access_token"])


def exchange(
    server: AuthorizationServer, client: AddedClient, token: str, **changed: str | None
) -> Any:
    usual: dict[str, str | None] = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": token,
        "subject_token_type": ACCESS_TOKEN,
        "resource": LEDGER,
    }
    return server.token(client, **{**usual, **changed})


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


@pytest.mark.rfc("8693", "2.2.1")
@pytest.mark.rfc("8693", "4.1")
def test_who_received_a_token_goes_on_and_says_who_acts(
    server: AuthorizationServer, payments: AddedClient, ledger: AddedClient, shown: str
) -> None:
    answer = exchange(server, payments, shown)
    assert answer.status_code == 200, answer.text
    given = answer.json()
    assert given["issued_token_type"] == ACCESS_TOKEN
    assert given["token_type"] == "Bearer"
    assert not {"refresh_token", "id_token"} & set(given)
    claims = claims_of(given["access_token"])
    assert claims["aud"] == LEDGER
    assert claims["client_id"] == payments.client.id
    assert claims["act"] == {"sub": payments.client.id}
    assert claims["scope"] == "pay:once"
    # The person is another number at the next place: the two cannot be joined by it.
    assert claims["sub"] != claims_of(shown)["sub"]
    told = server.introspect(ledger, given["access_token"])
    assert (told["active"], told["act"]) == (True, {"sub": payments.client.id})


@pytest.mark.rfc("8693", "4.1")
def test_those_who_acted_before_stay_in_it_and_a_chain_ends(
    server: AuthorizationServer, payments: AddedClient, ledger: AddedClient, shown: str
) -> None:
    archive = resource(server, ARCHIVE, PAYMENTS)
    one = exchange(server, payments, shown).json()["access_token"]
    two = exchange(server, ledger, one, resource=ARCHIVE).json()["access_token"]
    assert claims_of(two)["act"] == {
        "sub": ledger.client.id,
        "act": {"sub": payments.client.id},
    }
    three = exchange(server, archive, two, resource=PAYMENTS).json()["access_token"]
    four = exchange(server, payments, three).json()["access_token"]
    assert exchange(server, ledger, four, resource=ARCHIVE).json()["error"] == "invalid_target"


@pytest.mark.rfc("8693", "2.2.2")
def test_the_token_of_another_resource_or_of_nobody_is_refused(
    server: AuthorizationServer,
    shop: AddedClient,
    payments: AddedClient,
    ledger: AddedClient,
    shown: str,
) -> None:
    ours = server.tokens(shop)["access_token"]
    own = server.token(payments, grant_type="client_credentials", resource=LEDGER).json()
    for client, token in (
        (ledger, shown),
        (payments, ours),
        (payments, own["access_token"]),
        (payments, "x"),
        (payments, shown[:-4] + "AAAA"),
    ):
        answer = exchange(server, client, token)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.rfc("8693", "2.2.2")
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"resource": None}, "invalid_target"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"resource": ARCHIVE}, "invalid_target"),
        ({"audience": ARCHIVE}, "invalid_target"),
        ({"resource": "http://localhost:8000"}, "invalid_target"),
        ({"subject_token": None}, "invalid_request"),
        ({"subject_token_type": None}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        (
            {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
            "invalid_request",
        ),
        ({"actor_token": "x"}, "invalid_request"),
        ({"actor_token": "x", "actor_token_type": ACCESS_TOKEN}, "invalid_request"),
        ({"scope": "pay:read"}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"scope": "email"}, "invalid_scope"),
    ],
)
def test_what_does_not_fit_is_refused(
    server: AuthorizationServer,
    payments: AddedClient,
    ledger: AddedClient,
    shown: str,
    changed: dict[str, str | None],
    error: str,
) -> None:
    answer = exchange(server, payments, shown, **changed)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.rfc("8693", "2.1")
def test_the_next_place_may_be_named_as_audience_and_the_actor_once_more(
    server: AuthorizationServer, payments: AddedClient, ledger: AddedClient, shown: str
) -> None:
    own = server.token(payments, grant_type="client_credentials").json()["access_token"]
    named = {"resource": None, "audience": LEDGER}
    actor = {"actor_token": own, "actor_token_type": ACCESS_TOKEN}
    assert exchange(server, payments, shown, **named, **actor).status_code == 200
    others = server.token(ledger, grant_type="client_credentials").json()["access_token"]
    wrong = {**actor, "actor_token": others}
    assert exchange(server, payments, shown, **wrong).json()["error"] == "invalid_request"


@pytest.mark.rfc("8693", "5")
def test_it_ends_with_the_token_that_was_shown_and_with_the_persons_word(
    server: AuthorizationServer, payments: AddedClient, ledger: AddedClient, shown: str
) -> None:
    server.runtime.clock.advance(timedelta(seconds=200))  # type: ignore[attr-defined]
    given = exchange(server, payments, shown).json()
    assert given["expires_in"] == 100
    assert claims_of(given["access_token"])["exp"] == claims_of(shown)["exp"]
    from idp.oauth import grant_store

    with server.runtime.database.write() as uow:
        now = server.runtime.clock.now()
        grant_store.end_of_person(uow, "per_1", "test", now)
    assert server.introspect(ledger, given["access_token"]) == {"active": False}
    assert exchange(server, payments, shown).json()["error"] == "invalid_request"


@pytest.mark.row("privacy", "P-4")
def test_the_person_reads_in_their_ledger_who_went_on(
    server: AuthorizationServer, payments: AddedClient, ledger: AddedClient, shown: str
) -> None:
    exchange(server, payments, shown)
    entries = server.runtime.audit.ledger("per_1", limit=10)
    acted = next(entry for entry in entries if entry.kind == "service.acted_for")
    assert acted.details["service"] == payments.client.id
    assert acted.details["audience"] == LEDGER


def test_it_opens_nothing_of_ours(
    server: AuthorizationServer, payments: AddedClient, ledger: AddedClient, shown: str
) -> None:
    token = exchange(server, payments, shown).json()["access_token"]
    assert server.userinfo(token).status_code == 401


@pytest.mark.rfc("9449", "5")
def test_the_new_token_may_be_bound_to_the_key_of_who_acts(
    server: AuthorizationServer, payments: AddedClient, ledger: AddedClient, shown: str
) -> None:
    key = ProofKey(server)
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": shown,
        "subject_token_type": ACCESS_TOKEN,
        "resource": LEDGER,
    }
    given = key.post("/oauth/token", form, (payments.client.id, payments.secret)).json()
    assert given["token_type"] == "DPoP"
    assert claims_of(given["access_token"])["cnf"] == {"jkt": key.thumbprint}


def test_who_is_not_registered_for_it_or_suspended_goes_nowhere(
    server: AuthorizationServer, shop: AddedClient, ledger: AddedClient, shown: str
) -> None:
    assert exchange(server, shop, shown).json()["error"] == "unauthorized_client"
    payments = resource(server, PAYMENTS, LEDGER)
    from idp.oauth.clients import OPERATOR

    with server.runtime.database.write() as uow:
        now = server.runtime.clock.now()
        server.oauth.clients.suspend(uow, ledger.client.id, "test", OPERATOR, now)
    assert exchange(server, payments, shown).json()["error"] == "invalid_target"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"resource": None}, "resource"),
        ({"audiences": None}, "audiences"),
        ({"token_endpoint_auth_method": "none"}, "grant_types"),
    ],
)
def test_a_registration_says_what_it_receives_and_where_it_goes_on_to(
    server: AuthorizationServer, changed: dict[str, Any], named: str
) -> None:
    whole = {
        "redirect_uris": None,
        "grant_types": [TOKEN_EXCHANGE],
        "scope": "pay:once",
        "resource": PAYMENTS,
        "audiences": [LEDGER],
    }
    with pytest.raises(InvalidClientMetadata) as refused:
        server.add(**{**whole, **changed})
    assert refused.value.where == named
