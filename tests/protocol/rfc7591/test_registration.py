"""Services register themselves, see, change and end what they registered — RFC 7591, RFC 7592."""

from __future__ import annotations

import html
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import update

from foundation.audit import SYSTEM
from foundation.fetch import Fetched, FetchFailed
from idp import oauth
from idp.oauth import AddedClient, ClientsSettings
from idp.oauth.tables import initial_access_tokens, registration_tokens
from tests.protocol.rfc7591.conftest import Registrar, asked

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


def jwk(key: ec.EllipticCurvePrivateKey, kid: str) -> dict[str, Any]:
    return {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())), "kid": kid}


def as_client(registrar: Registrar, made: dict[str, Any]) -> AddedClient:
    now = registrar.server.runtime.clock.now()
    client = registrar.server.oauth.clients.find(made["client_id"], now)
    assert client is not None
    return AddedClient(client, made.get("client_secret"))


# ── registering ──────────────────────────────────────────────────────────────────────────


@pytest.mark.rfc("7591", "3.2.1")
def test_a_service_registers_itself_and_signs_somebody_in(registrar: Registrar) -> None:
    made = registrar.registered(scope="openid email")
    assert made["client_secret_expires_at"] == 0
    assert made["client_name"] == "Chess Club"
    assert made["scope"] == "openid email"
    assert made["grant_types"] == ["authorization_code"]
    assert made["registration_client_uri"].endswith(f"/oauth/register/{made['client_id']}")
    tokens = registrar.server.tokens(as_client(registrar, made), "email", scope="openid email")
    told = registrar.server.userinfo(tokens["access_token"]).json()
    assert told["email"] == "ada@example.org"


@pytest.mark.row("failures", "19")
def test_its_name_is_its_host_and_the_page_says_that_nobody_vouches_for_another(
    registrar: Registrar,
) -> None:
    made = registrar.registered(client_name="City of Tallinn — Tax Office")
    client = as_client(registrar, made)
    assert (client.client.name, client.client.registered_itself) == ("chess.example", True)
    response = registrar.server.authorize(client)
    page = html.unescape(registrar.server.http.get(response.headers["location"]).text)
    assert "It calls itself “City of Tallinn — Tax Office”. Nobody vouches for that name." in page
    assert "Continue to chess.example" in page


@pytest.mark.rfc("7591", "3")
def test_each_initial_access_token_is_good_for_as_many_as_it_says(registrar: Registrar) -> None:
    token = registrar.initial(uses=2)
    assert [registrar.post(asked(), token).status_code for _ in range(3)] == [201, 201, 401]


@pytest.mark.rfc("7591", "3")
@pytest.mark.parametrize("shown", [None, "nonsense"])
def test_without_a_good_one_nobody_registers(registrar: Registrar, shown: str | None) -> None:
    refused = registrar.post(asked(), shown)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert registrar.server.oauth.clients.list() == []


def test_one_that_is_over_is_no_good(registrar: Registrar, clock: Any) -> None:
    token = registrar.initial(hours=1)
    clock.advance(timedelta(hours=1))
    assert registrar.post(asked(), token).status_code == 401


@pytest.mark.row("failures", "16")
def test_of_many_at_once_with_a_token_for_one_one_registers(registrar: Registrar) -> None:
    token = registrar.initial()
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(lambda _: registrar.post(asked(), token).status_code, range(20)))
    assert sorted(found) == [201] + [401] * 19


def test_a_refused_registration_spends_no_token(registrar: Registrar) -> None:
    token = registrar.initial()
    assert registrar.post(asked(redirect_uris=[]), token).status_code == 400
    assert registrar.post(asked(), token).status_code == 201


@pytest.mark.row("failures", "29")
def test_nobody_who_writes_the_database_makes_more_of_a_token(registrar: Registrar) -> None:
    token = registrar.initial()
    registrar.post(asked(), token)
    with registrar.server.runtime.database.engine.begin() as connection:
        connection.execute(update(initial_access_tokens).values(uses_left=1))
    assert registrar.post(asked(), token).status_code == 401


@pytest.mark.rfc("7591", "3.2.2")
@pytest.mark.parametrize(
    "uris",
    [
        [],
        ["http://chess.example/cb"],
        ["https://chess.example/cb#here"],
        ["https://chess.example/*"],
        ["https://user@chess.example/cb"],
        "javascript:alert(1)",
        ["chess:/cb"],
        [7],
        {"a": "b"},
    ],
)
def test_a_redirect_uri_that_nobody_may_have_is_refused_so(registrar: Registrar, uris: Any) -> None:
    refused = registrar.post(asked(redirect_uris=uris), registrar.initial())
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_redirect_uri")


@pytest.mark.rfc("7591", "3.2.2")
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("attributes", ["email"]),
        ("required_attributes", ["email"]),
        ("attribute_reasons", {"email": "Because"}),
        ("audiences", ["https://api.example"]),
        ("resource", "https://api.example"),
        ("sector", "library.example"),
        ("purposes", ["library"]),
        ("purpose", "library"),
        ("require_pkce", False),
        ("require_nonce", False),
        ("registered_itself", False),
        ("assertion_audience", "token_endpoint"),
        ("authorization_details_types", ["payment"]),
        ("token_endpoint_auth_method_only", True),
        ("software_statement", "eyJ.e30."),
        ("userinfo_signed_response_alg", "none"),
        ("userinfo_encrypted_response_alg", "RSA-OAEP"),
        ("id_token_encrypted_response_alg", "RSA-OAEP"),
        ("id_token_signed_response_alg", "none"),
        ("grant_types", ["client_credentials"]),
        ("grant_types", ["implicit"]),
        ("response_types", ["id_token"]),
        ("response_types", ["code", "code id_token"]),
        ("scope", "openid access:evaluate"),
        ("scope", "openid offline_access"),
        ("scope", ["openid"]),
        ("subject_type", "public"),
        ("token_endpoint_auth_method", "client_secret_jwt"),
        ("profile", "fapi1"),
        ("jwks", {"keys": []}),
        ("jwks", {"keys": [{"kty": "oct", "k": "AAAA"}]}),
        ("jwks_uri", "http://chess.example/jwks"),
        ("client_name", "a\nb"),
        ("client_name", 7),
        ("backchannel_logout_uri", "http://chess.example/out"),
        ("frontchannel_logout_uri", "https://elsewhere.example/out"),
        ("frontchannel_logout_session_required", "yes"),
        ("post_logout_redirect_uris", ["http://chess.example/bye"]),
        ("initiate_login_uri", "http://chess.example/start"),
        ("logo_uri", "javascript:alert(1)"),
        ("contacts", 7),
        ("sector_identifier_uri", "http://chess.example/sector"),
    ],
)
def test_each_member_that_is_not_to_be_had_is_refused_by_its_name(
    registrar: Registrar, member: str, value: Any
) -> None:
    refused = registrar.post(asked(**{member: value}), registrar.initial())
    body = refused.json()
    if member == "logo_uri":  # nobody's picture of another host: it is left out
        assert member not in body
        return
    assert (refused.status_code, body["error"]) == (400, "invalid_client_metadata"), body
    assert member in body["error_description"]


def test_who_proves_itself_by_a_key_names_it(registrar: Registrar) -> None:
    body = asked(token_endpoint_auth_method="private_key_jwt")
    refused = registrar.post(body, registrar.initial())
    assert refused.json()["error"] == "invalid_client_metadata"
    assert refused.json()["error_description"].startswith("jwks or jwks_uri is needed")


@pytest.mark.rfc("7591", "2")
def test_what_we_do_not_know_is_passed_over(registrar: Registrar) -> None:
    made = registrar.registered(
        **{"x_unknown": {"a": 1}, "client_name#fr": "Club", "tos_uri": None}
    )
    assert "x_unknown" not in made


@pytest.mark.rfc("7591", "3.1")
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":1,"a":2}', b'"x"', b"[" * 10_000])
def test_a_body_that_is_none_is_refused(registrar: Registrar, body: bytes) -> None:
    token = registrar.initial()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    refused = registrar.server.browser().post("/oauth/register", content=body, headers=headers)
    assert refused.status_code == 400
    assert refused.json()["error"] == "invalid_request"


def test_a_profile_asks_here_for_what_it_asks_anywhere(registrar: Registrar) -> None:
    member = {"profile": "fapi2-security", "token_endpoint_auth_method": "client_secret_basic"}
    refused = registrar.post(asked(**member), registrar.initial())
    assert refused.json()["error"] == "invalid_client_metadata"
    assert "token_endpoint_auth_method" in refused.json()["error_description"]
    made = registrar.registered(profile="fapi2-security", jwks={"keys": [jwk(KEY, "a")]})
    assert made["token_endpoint_auth_method"] == "private_key_jwt"


def test_pages_of_other_hosts_stand_beside_nobodys_name(registrar: Registrar) -> None:
    made = registrar.registered(
        policy_uri="https://chess.example/privacy", tos_uri="https://bank.example/terms"
    )
    assert made["policy_uri"] == "https://chess.example/privacy"
    assert "tos_uri" not in made


def test_each_native_program_has_people_of_its_own(registrar: Registrar) -> None:
    native = {
        "redirect_uris": ["http://127.0.0.1/cb"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    }
    one, other = (as_client(registrar, registrar.registered(**native)) for _ in range(2))
    assert one.client.sector != other.client.sector


# ── what the operator's switches say ─────────────────────────────────────────────────────


class TestOff:
    @pytest.fixture
    def chosen(self) -> ClientsSettings:
        return ClientsSettings()

    def test_it_is_off_unless_the_operator_says_otherwise(self, registrar: Registrar) -> None:
        refused = registrar.post(asked(), registrar.initial())
        assert refused.status_code == 404
        discovery = registrar.server.http.get("/.well-known/openid-configuration").json()
        assert "registration_endpoint" not in discovery


class TestOpen:
    @pytest.fixture
    def chosen(self) -> ClientsSettings:
        return ClientsSettings(
            dynamic_registration=True,
            initial_access_tokens=False,
            dynamic_without_pkce=True,
            registrations_per_minute=3,
        )

    def test_anybody_registers_as_often_as_the_limit_says(self, registrar: Registrar) -> None:
        found = [registrar.post(asked()) for _ in range(4)]
        assert [answer.status_code for answer in found] == [201, 201, 201, 429]
        assert int(found[-1].headers["retry-after"]) > 0

    def test_pkce_may_be_left_out_by_who_keeps_a_secret_alone(self, registrar: Registrar) -> None:
        made = registrar.post(asked()).json()
        client = as_client(registrar, made)
        assert not client.client.require_pkce
        code = registrar.server.sign_in(client, code_challenge=None, code_challenge_method=None)
        answer = registrar.server.redeem(client, code, code_verifier=None)
        assert answer.status_code == 200
        public = registrar.post(asked(token_endpoint_auth_method="none")).json()
        assert as_client(registrar, public).client.require_pkce


# ── keys and sectors at addresses ────────────────────────────────────────────────────────


class Web:
    """What stands at addresses; how often each was fetched."""

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {}
        self.fetched: list[str] = []

    def get(self, url: str, accept: Any = (), headers: Any = None) -> Fetched:
        self.fetched.append(url)
        if url not in self.pages:
            raise FetchFailed(f"{url} cannot be reached.")
        return Fetched(url, 200, "application/json", json.dumps(self.pages[url]).encode())


@pytest.fixture
def web(registrar: Registrar, monkeypatch: pytest.MonkeyPatch) -> Web:
    web = Web()
    monkeypatch.setattr("foundation.fetch.Fetch.get", lambda self, *args: web.get(*args))
    return web


def assertion(registrar: Registrar, made: dict[str, Any], key: Any, kid: str, jti: str) -> Any:
    now = int(registrar.server.runtime.clock.now().timestamp())
    client_id = made["client_id"]
    claims = {"iss": client_id, "sub": client_id, "aud": registrar.server.issuer, "jti": jti,
              "exp": now + 60}  # fmt: skip
    signed = jwt.encode(claims, key, algorithm="ES256", headers={"kid": kid})
    return registrar.server.browser().post(
        "/oauth/introspect",
        data={
            "token": "x",
            "client_assertion": signed,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        },
    )


JWKS = "https://chess.example/jwks"


@pytest.mark.rfc("oidc-core", "10.1.1")
def test_a_client_rotates_its_keys_at_its_own_address(
    registrar: Registrar, web: Web, clock: Any
) -> None:
    made = registrar.registered(jwks_uri=JWKS, token_endpoint_auth_method="private_key_jwt")
    assert "client_secret" not in made
    web.pages[JWKS] = {"keys": [jwk(KEY, "a")]}
    assert assertion(registrar, made, KEY, "a", "1").status_code == 200
    assert assertion(registrar, made, KEY, "a", "2").status_code == 200
    assert web.fetched == [JWKS]
    web.pages[JWKS] = {"keys": [jwk(OTHER, "b")]}
    clock.advance(timedelta(minutes=1))
    assert assertion(registrar, made, OTHER, "b", "3").status_code == 200
    assert assertion(registrar, made, KEY, "a", "4").status_code == 401
    assert web.fetched == [JWKS, JWKS]


@pytest.mark.row("failures", "6")
def test_nobody_has_us_fetch_keys_at_will(registrar: Registrar, web: Web) -> None:
    made = registrar.registered(jwks_uri=JWKS, token_endpoint_auth_method="private_key_jwt")
    for n in range(5):
        assert assertion(registrar, made, OTHER, "z", str(n)).status_code in (401, 429)
    assert len(web.fetched) == 1


def test_keys_of_before_count_for_an_hour_while_the_address_is_away(
    registrar: Registrar, web: Web, clock: Any
) -> None:
    made = registrar.registered(jwks_uri=JWKS, token_endpoint_auth_method="private_key_jwt")
    web.pages[JWKS] = {"keys": [jwk(KEY, "a")]}
    assert assertion(registrar, made, KEY, "a", "1").status_code == 200
    web.pages.clear()
    clock.advance(timedelta(minutes=50))
    assert assertion(registrar, made, KEY, "a", "2").status_code == 200
    clock.advance(timedelta(minutes=11))
    assert assertion(registrar, made, KEY, "a", "3").status_code == 401


SECTOR = "https://clubs.example/sector.json"
SEVERAL = ["https://chess.example/cb", "https://go.example/cb"]


@pytest.mark.rfc("oidc-registration", "5")
def test_a_sector_is_the_host_of_the_document_that_names_every_redirect_uri(
    registrar: Registrar, web: Web
) -> None:
    web.pages[SECTOR] = SEVERAL
    made = registrar.registered(redirect_uris=SEVERAL, sector_identifier_uri=SECTOR)
    assert as_client(registrar, made).client.sector == "clubs.example"


@pytest.mark.rfc("oidc-registration", "5")
@pytest.mark.parametrize(
    "page", [SEVERAL[:1], {"uris": SEVERAL}, [7], "https://chess.example/cb", None, ...]
)
def test_a_document_that_does_not_name_them_is_refused(
    registrar: Registrar, web: Web, page: Any
) -> None:
    if page is not ...:
        web.pages[SECTOR] = page
    body = asked(redirect_uris=SEVERAL, sector_identifier_uri=SECTOR)
    refused = registrar.post(body, registrar.initial())
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")
    assert "sector_identifier_uri" in refused.json()["error_description"]


@pytest.mark.rfc("oidc-core", "8.1")
def test_who_asks_for_pairwise_subjects_at_several_hosts_names_a_sector(
    registrar: Registrar,
) -> None:
    body = asked(redirect_uris=SEVERAL, subject_type="pairwise")
    refused = registrar.post(body, registrar.initial())
    assert "sector_identifier_uri" in refused.json()["error_description"]
    made = registrar.registered(redirect_uris=SEVERAL)
    assert as_client(registrar, made).client.sector == made["client_id"]


@pytest.mark.rfc("oidc-core", "5.3.2")
def test_userinfo_is_signed_for_who_registered_so(registrar: Registrar) -> None:
    made = registrar.registered(scope="openid email", userinfo_signed_response_alg="ES256")
    client = as_client(registrar, made)
    tokens = registrar.server.tokens(client, "email", scope="openid email")
    answer = registrar.server.userinfo(tokens["access_token"])
    assert answer.headers["content-type"].startswith("application/jwt")
    keys = registrar.server.http.get("/oauth/jwks").json()["keys"]
    head = jwt.get_unverified_header(answer.text)
    key = next(one for one in keys if one["kid"] == head["kid"])
    claims = jwt.decode(
        answer.text, jwt.PyJWK(key), algorithms=["ES256"], audience=made["client_id"]
    )
    assert head["typ"] == "userinfo+jwt"
    assert claims["iss"] == registrar.server.issuer
    assert claims["email"] == "ada@example.org"


# ── the registration afterwards ──────────────────────────────────────────────────────────


@pytest.mark.rfc("7592", "2.1")
def test_it_reads_what_it_registered_but_no_secret(registrar: Registrar) -> None:
    made = registrar.registered()
    found = registrar.at(made, "GET")
    assert found.status_code == 200
    body = found.json()
    assert "client_secret" not in body
    assert body["client_id_issued_at"] == made["client_id_issued_at"]
    assert body["registration_access_token"] == made["registration_access_token"]


@pytest.mark.rfc("7592", "2.1")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_token_is_refused_everywhere(registrar: Registrar, method: str) -> None:
    mine, theirs = registrar.registered(), registrar.registered()
    for token in (theirs["registration_access_token"], "nonsense", mine["client_secret"]):
        refused = registrar.at(mine, method, token, {"client_id": mine["client_id"]})
        assert refused.status_code == 401
    assert registrar.at(mine, "GET").status_code == 200


@pytest.mark.rfc("7592", "2.2")
def test_an_update_is_whole_and_has_another_token(registrar: Registrar) -> None:
    made = registrar.registered(contacts=["a@chess.example"])
    body = asked(client_id=made["client_id"], client_name="Chess & Go")
    changed = registrar.at(made, "PUT", body=body)
    assert changed.status_code == 200, changed.text
    now = changed.json()
    assert now["client_name"] == "Chess & Go"
    assert "contacts" not in now
    assert now["registration_access_token"] != made["registration_access_token"]
    # The answer may have got lost: until the new one is seen, the one before works.
    assert registrar.at(made, "GET").status_code == 200
    assert registrar.at(made, "GET", now["registration_access_token"]).status_code == 200
    assert registrar.at(made, "GET").status_code == 401


@pytest.mark.rfc("7592", "2.2")
@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "svc_other"},
        {"client_id": ...},
        {"client_secret": "another"},
        {"client_secret": 7},
        {"registration_access_token": "x"},
        {"registration_client_uri": "https://x.example"},
        {"client_id_issued_at": 1},
        {"client_secret_expires_at": 0},
    ],
)
def test_an_update_of_what_is_ours_is_refused(registrar: Registrar, wrong: Any) -> None:
    made = registrar.registered()
    body = asked(**{"client_id": made["client_id"], **wrong})
    refused = registrar.at(made, "PUT", body=body)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    assert registrar.at(made, "GET").json()["client_name"] == "Chess Club"


def test_a_refused_update_changes_nothing_and_keeps_the_token(registrar: Registrar) -> None:
    made = registrar.registered()
    body = asked(client_id=made["client_id"], redirect_uris=["http://chess.example/"])
    assert registrar.at(made, "PUT", body=body).json()["error"] == "invalid_redirect_uri"
    assert registrar.at(made, "GET").json()["redirect_uris"] == ["https://chess.example/cb"]


@pytest.mark.rfc("7592", "2.2")
def test_what_an_update_takes_away_ends(registrar: Registrar) -> None:
    made = registrar.registered(grant_types=["authorization_code", "refresh_token"])
    client = as_client(registrar, made)
    tokens = registrar.server.tokens(client)
    body = asked(client_id=made["client_id"])
    assert registrar.at(made, "PUT", body=body).status_code == 200
    assert registrar.server.userinfo(tokens["access_token"]).status_code == 401


@pytest.mark.rfc("7592", "2.3")
def test_deleted_it_is_served_no_more(registrar: Registrar) -> None:
    made = registrar.registered()
    client = as_client(registrar, made)
    tokens = registrar.server.tokens(client)
    gone = registrar.at(made, "DELETE")
    assert (gone.status_code, gone.content) == (204, b"")
    assert registrar.at(made, "GET").status_code == 401
    assert registrar.server.userinfo(tokens["access_token"]).status_code == 401
    assert registrar.server.authorize(client).status_code == 400


def test_a_suspended_service_cannot_change_itself(registrar: Registrar, clock: Any) -> None:
    made = registrar.registered()
    with registrar.server.runtime.database.write() as uow:
        now = clock.now()
        registrar.server.oauth.clients.suspend(uow, made["client_id"], "incident", SYSTEM, now)
    for method in ("GET", "PUT", "DELETE"):
        assert registrar.at(made, method, body=asked()).status_code == 401


def test_a_client_of_the_operator_has_no_registration_of_its_own(registrar: Registrar) -> None:
    added = registrar.server.add()
    uri = f"{registrar.server.issuer}/oauth/register/{added.client.id}"
    made = {"registration_client_uri": uri, "registration_access_token": added.secret}
    assert registrar.at(made, "GET").status_code == 401


@pytest.mark.row("failures", "29")
def test_a_token_row_that_was_moved_opens_nothing(registrar: Registrar) -> None:
    mine, theirs = registrar.registered(), registrar.registered()
    with registrar.server.runtime.database.engine.begin() as connection:
        rows = registration_tokens
        digest = connection.execute(
            rows.select().where(rows.c.client_id == mine["client_id"])
        ).one().token_digest  # fmt: skip
        connection.execute(
            update(rows).where(rows.c.client_id == theirs["client_id"]).values(token_digest=digest)
        )
    token = mine["registration_access_token"]
    assert registrar.at(theirs, "GET", token).status_code == 401


@pytest.mark.rfc("oidc-discovery", "3")
def test_discovery_names_the_endpoint(registrar: Registrar) -> None:
    found = registrar.server.http.get("/.well-known/openid-configuration").json()
    assert found["registration_endpoint"] == f"{registrar.server.issuer}/oauth/register"


def test_no_secret_nor_token_stands_in_clear(registrar: Registrar) -> None:
    made = registrar.registered()
    oauth.prepare(registrar.server.runtime)
    folder = registrar.server.runtime.settings.path.parent
    stored = b"".join(file.read_bytes() for file in folder.glob("civitas.db*"))
    for name in ("client_secret", "registration_access_token"):
        assert made[name].encode() not in stored
