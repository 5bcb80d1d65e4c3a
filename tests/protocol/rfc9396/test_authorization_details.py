"""What a service asks to be allowed in detail — RFC 9396."""

from __future__ import annotations

import json
import re
from typing import Any

import jwt
import pytest

from idp.oauth import AddedClient, InvalidClientMetadata
from tests.support.authorization_server import AuthorizationServer, answer_of

PAYMENT = {
    "type": "city_payment",
    "amount": {"currency": "EUR", "amount": "12.50"},
    "payee": "City <Pool>",
    "reference": "Lane 4, in June",
    "due": "2026-04-01",
}
PERMIT = {"type": "parking_permit", "actions": ["read", "renew"], "identifier": "P-17"}


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", email="ada@example.org")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.fixture
def service(server: AuthorizationServer) -> AddedClient:
    return server.add(authorization_details_types=["city_payment", "parking_permit"])


def asked(*details: Any) -> str:
    return json.dumps(list(details))


def without(*names: str, **changed: Any) -> dict[str, Any]:
    return {n: v for n, v in {**PAYMENT, **changed}.items() if n not in names}


@pytest.mark.rfc("9396", "7")
@pytest.mark.rfc("9396", "9.1")
@pytest.mark.rfc("9396", "9.2")
def test_what_was_allowed_stands_in_answer_token_and_introspection(
    server: AuthorizationServer, service: AddedClient
) -> None:
    given = server.tokens(service, authorization_details=asked(PAYMENT, PERMIT))
    assert given["authorization_details"] == [PAYMENT, PERMIT]
    token = jwt.decode(given["access_token"], options={"verify_signature": False})
    assert token["authorization_details"] == [PAYMENT, PERMIT]
    told = server.introspect(service, given["access_token"])
    assert told["authorization_details"] == [PAYMENT, PERMIT]


@pytest.mark.rfc("9396", "11")
@pytest.mark.row("privacy", "G-1")
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("To take one payment from you", "Paid to", "Renew it")),
        ("fr", ("Prélever un paiement", "Payé à", "La renouveler")),
        ("ar", ("تحصيل دفعة واحدة منك", "يُدفع إلى", "تجديده")),
    ],
)
def test_the_person_reads_all_of_it_in_their_language(
    server: AuthorizationServer, service: AddedClient, language: str, words: tuple[str, ...]
) -> None:
    response = server.authorize(
        service, authorization_details=asked(PAYMENT, PERMIT), ui_locales=language
    )
    page = server.http.get(response.headers["location"]).text
    shown = re.sub(r"\s+", " ", page)
    for word in (*words, "12.50 EUR", "City &lt;Pool&gt;", "Lane 4, in June", "P-17"):
        assert word in shown, word


@pytest.mark.rfc("9396", "5")
def test_it_is_asked_each_time_and_never_in_silence(
    server: AuthorizationServer, service: AddedClient
) -> None:
    for _ in range(2):
        response = server.authorize(service, authorization_details=asked(PAYMENT))
        assert response.headers["location"].startswith("/oauth/consent")
        server.answer(response)
    silent = server.authorize(service, authorization_details=asked(PAYMENT), prompt="none")
    assert answer_of(silent)["error"] == "login_required"
    # Without details it is asked no more, and nothing of before is in the token.
    plain = server.tokens(service)
    assert "authorization_details" not in plain
    claims = jwt.decode(plain["access_token"], options={"verify_signature": False})
    assert "authorization_details" not in claims


@pytest.mark.rfc("9396", "5")
@pytest.mark.parametrize(
    ("details", "named"),
    [
        ("x", "JSON"),
        ("{}", "list"),
        ("[]", "list"),
        ("[1]", "type"),
        ("[{}]", "type"),
        ('[{"type": 5}]', "type"),
        (asked({"type": "nuclear_launch"}), "nuclear_launch"),
        (asked(without("amount")), "amount"),
        (asked(without(extra="x")), "extra"),
        (asked(without(locations=["https://x.example"])), "locations"),
        (asked(without(payee="")), "payee"),
        (asked(without(payee=5)), "payee"),
        (asked(without(payee="a\nb")), "payee"),
        (asked(without(payee="x" * 201)), "payee"),
        (asked(without(payee="\u202egnp.x")), "payee"),
        (asked(without(amount="12")), "amount"),
        (asked(without(amount={"currency": "EUR"})), "amount"),
        (asked(without(amount={"currency": "eur", "amount": "1"})), "amount"),
        (asked(without(amount={"currency": "EUR", "amount": "-1"})), "amount"),
        (asked(without(amount={"currency": "EUR", "amount": "1e9"})), "amount"),
        (asked(without(amount={"currency": "EUR", "amount": "01"})), "amount"),
        (asked(without(amount={"currency": "EUR", "amount": 1})), "amount"),
        (asked(without(due="20260401")), "due"),
        (asked(without(due="soon")), "due"),
        (asked({**PERMIT, "actions": []}), "actions"),
        (asked({**PERMIT, "actions": "read"}), "actions"),
        (asked({**PERMIT, "actions": ["read", "read"]}), "actions"),
        (asked({**PERMIT, "actions": ["steal"]}), "actions"),
        (asked({**PERMIT, "actions": [["read"]]}), "actions"),
        (asked(*[PERMIT] * 11), "list"),
        ("[" * 4000, "JSON"),
    ],
)
def test_what_is_unknown_or_malformed_is_refused_by_name(
    server: AuthorizationServer, service: AddedClient, details: str, named: str
) -> None:
    answer = answer_of(server.authorize(service, authorization_details=details))
    assert answer["error"] == "invalid_authorization_details"
    assert named in answer["error_description"]


@pytest.mark.rfc("9396", "10")
def test_a_client_asks_for_the_types_that_it_is_registered_for(
    server: AuthorizationServer,
) -> None:
    some = server.add(authorization_details_types=["parking_permit"])
    answer = answer_of(server.authorize(some, authorization_details=asked(PAYMENT)))
    assert answer["error"] == "invalid_authorization_details"
    none = server.add()
    answer = answer_of(server.authorize(none, authorization_details=asked(PERMIT)))
    assert answer["error"] == "invalid_authorization_details"
    with pytest.raises(InvalidClientMetadata, match="authorization_details_types"):
        server.add(authorization_details_types=["everything"])
    metadata = server.http.get("/.well-known/openid-configuration").json()
    assert metadata["authorization_details_types_supported"] == ["city_payment", "parking_permit"]


@pytest.mark.rfc("9396", "6")
@pytest.mark.rfc("9396", "6.1")
def test_a_token_may_say_less_than_was_allowed_and_never_more(
    server: AuthorizationServer, service: AddedClient
) -> None:
    asked_for = asked(PAYMENT, PERMIT)
    code = server.sign_in(service, scope="openid offline_access", authorization_details=asked_for)
    more = without(amount={"currency": "EUR", "amount": "99.00"})
    refused = server.redeem(service, code, authorization_details=asked(more))
    assert refused.json()["error"] == "invalid_authorization_details"
    given = server.redeem(service, code, authorization_details=asked(PERMIT)).json()
    assert given["authorization_details"] == [PERMIT]
    anew = server.refresh(service, given["refresh_token"]).json()
    assert anew["authorization_details"] == [PAYMENT, PERMIT]
    wider = server.refresh(service, anew["refresh_token"], authorization_details=asked(more))
    assert wider.json()["error"] == "invalid_authorization_details"


@pytest.mark.rfc("9396", "6")
def test_nobody_allows_a_client_anything_when_it_acts_for_itself(
    server: AuthorizationServer,
) -> None:
    service = server.add(
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope="a:b",
        authorization_details_types=["parking_permit"],
    )
    refused = server.token(
        service, grant_type="client_credentials", authorization_details=asked(PERMIT)
    )
    assert refused.json()["error"] == "invalid_authorization_details"


@pytest.mark.rfc("9396", "3")
@pytest.mark.rfc("9396", "4")
def test_details_are_pushed_like_everything_else(
    server: AuthorizationServer, service: AddedClient
) -> None:
    auth = (service.client.id, service.secret or "")
    form = server.parameters(service, authorization_details=asked(PAYMENT))
    pushed = server.browser().post("/oauth/par", data=form, auth=auth)
    assert pushed.status_code == 201, pushed.text
    come = {"client_id": service.client.id, "request_uri": pushed.json()["request_uri"]}
    code = answer_of(server.answer(server.http.get("/oauth/authorize", params=come)))["code"]
    assert server.redeem(service, code).json()["authorization_details"] == [PAYMENT]
    form["authorization_details"] = asked({"type": "nuclear_launch"})
    refused = server.browser().post("/oauth/par", data=form, auth=auth)
    assert refused.json()["error"] == "invalid_authorization_details"


@pytest.mark.row("failures", "11")
def test_an_answer_counts_for_the_details_that_were_shown(
    server: AuthorizationServer, service: AddedClient
) -> None:
    response = server.authorize(service, authorization_details=asked(PAYMENT))
    page = server.http.get(response.headers["location"])
    from sqlalchemy import text

    with server.runtime.database.write() as uow:
        uow.connection.execute(
            text("UPDATE oauth_transactions SET request = replace(request, '12.50', '99.50')")
        )
    from tests.support.authorization_server import hidden_fields

    answer = server.http.post(
        "/oauth/consent", data={**hidden_fields(page.text), "answer": "accept"}
    )
    assert answer.status_code == 400


@pytest.mark.row("failures", "29")
def test_a_grant_whose_details_somebody_raised_is_not_there(
    server: AuthorizationServer, service: AddedClient
) -> None:
    from sqlalchemy import text

    code = server.sign_in(service, authorization_details=asked(PAYMENT))
    with server.runtime.database.write() as uow:
        changed = uow.connection.execute(
            text(
                "UPDATE oauth_grants SET authorization_details = "
                "replace(authorization_details, '12.50', '99.50')"
            )
        )
        assert changed.rowcount == 1
    assert server.redeem(service, code).json()["error"] == "invalid_grant"
