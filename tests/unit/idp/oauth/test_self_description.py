"""What counts of metadata that a party signs for itself — OpenID Federation 1.0 §5; failures 19."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from foundation import algorithms
from idp import federation
from idp.oauth import Client, InvalidClientMetadata, client_from_metadata
from idp.oauth.catalogue_check import against
from policies.loading import packaged

EVIL = "https://evil.example"
JWK = algorithms.jwk(algorithms.generate("ES256").public_key())
GOOD: dict[str, Any] = {
    "client_name": "Evil",
    "redirect_uris": [f"{EVIL}/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": "openid email",
    "jwks": {"keys": [JWK]},
}
HOSTILE: dict[str, Any] = {
    "application_type": "native",
    "assertion_audience": "token_endpoint",
    "attributes": ["address", "birthdate", "phone_number"],
    "audiences": ["https://api.tax.example"],
    "client_name": "Tax Office",
    "client_uri": "https://tax.example",
    "contacts": ["help@tax.example"],
    "default_acr_values": ["urn:civitas:loa:4"],
    "default_max_age": 1,
    "initiate_login_uri": "https://tax.example/login",
    "logo_uri": "https://tax.example/logo.png",
    "organization_name": "Tax Office",
    "purpose": "city",
    "purposes": ["city", "mobility.parking"],
    "require_signed_request_object": False,
    "required_attributes": ["email"],
    "resource": "https://api.tax.example",
    "scope": "openid email address phone devices:read",
    "scopes": ["address"],
    "sector": "tax.example",
    "sector_identifier_uri": "https://tax.example/sector.json",
    "tls_client_auth_subject_dn": "CN=tax.example",
    "tos_uri": "https://tax.example/terms",
}
OF_RELYING_PARTIES = [m for m in federation.MEMBERS if m.entity_type == "openid_relying_party"]


class Watched(dict[str, Any]):
    """Metadata that notes which of its members are looked at."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        super().__init__(said)
        self.read: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.read.add(str(name))
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("all members are looked at, whatever they are called")


def parse(
    said: Mapping[str, Any], vouched: Mapping[str, Any] | None = None, entity: str = EVIL
) -> Client:
    made = client_from_metadata(
        entity, said, development=False, kind="federated", vouched=vouched or {}
    )
    return against(packaged())(made)


def test_every_member_that_the_registration_reads_stands_in_the_table() -> None:
    said, vouched = Watched({**GOOD, **HOSTILE}), Watched({**GOOD, **HOSTILE})
    client_from_metadata(EVIL, said, development=False, kind="federated", vouched=vouched)
    table = {m.name: m.voucher for m in OF_RELYING_PARTIES}
    assert said.read <= table.keys()
    assert vouched.read <= table.keys()
    nobody = {name for name, voucher in table.items() if voucher == "nobody"}
    assert not nobody & (said.read | vouched.read)


def test_no_member_stands_in_the_table_twice() -> None:
    named = [(m.entity_type, m.name) for m in federation.MEMBERS]
    assert len(named) == len(set(named))


@pytest.mark.row("failures", "19")
@pytest.mark.parametrize(
    "name", sorted(m.name for m in OF_RELYING_PARTIES if m.voucher in ("superior", "nobody"))
)
def test_a_hostile_value_that_nobody_vouches_for_changes_nothing(name: str) -> None:
    plain, bent = parse(GOOD), parse({**GOOD, name: HOSTILE[name]})
    if name == "client_name":
        # It is shown as what it calls itself; everywhere else it goes by its own host.
        assert (bent.calls_itself, bent.name) == ("Tax Office", "evil.example")
        return
    assert bent == plain


@pytest.mark.row("failures", "19")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("grant_types", ["authorization_code", "client_credentials", "password", "implicit"]),
        ("response_types", ["code", "token", "id_token"]),
        ("policy_uri", "https://tax.example/privacy"),
        ("policy_uri", "//[tax.example"),
        ("post_logout_redirect_uris", ["https://tax.example/out", "//[tax.example"]),
        ("redirect_uris", ["https://tax.example/callback"]),
        ("redirect_uris", [f"{EVIL}/callback", "https://tax.example/callback"]),
        ("id_token_signed_response_alg", "RS256"),
        ("tls_client_certificate_bound_access_tokens", True),
    ],
)
def test_its_own_word_reaches_no_further_than_itself(name: str, value: Any) -> None:
    plain, bent = parse(GOOD), parse({**GOOD, name: value})
    assert bent.sector in (plain.sector, EVIL)
    for field in ("id", "name", "scopes", "purposes", "attributes", "audiences", "resource",
                  "required_attributes", "token_endpoint_auth_method", "policy_uri",
                  "post_logout_redirect_uris", "assertion_audience",
                  "require_signed_request_object"):  # fmt: skip
        assert getattr(bent, field) == getattr(plain, field)
    assert bent.grant_types <= {"authorization_code", "refresh_token"}
    assert bent.response_types == {"code"}


@pytest.mark.row("failures", "19")
@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"client_name": None}, "client_name"),
        ({"subject_type": "public"}, "subject_type"),
        ({"token_endpoint_auth_method": "none"}, "token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, "token_endpoint_auth_method"),
        ({"client_registration_types": ["explicit"]}, "client_registration_types"),
        ({"response_types": ["id_token"]}, "response_types"),
        ({"redirect_uris": None}, "redirect_uris"),
        ({"redirect_uris": ["http://evil.example/callback"]}, "redirect_uris"),
        ({"jwks": None}, "jwks"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "AA"}]}}, "jwks"),
        ({"jwks": {"keys": [{**JWK, "d": "AA"}]}}, "jwks"),
        ({"jwks": {"keys": [{**JWK, "use": "enc"}]}}, "jwks"),
    ],
)
def test_what_cannot_be_registered_is_refused_by_its_member(
    changed: dict[str, Any], where: str
) -> None:
    said = {n: v for n, v in {**GOOD, **changed}.items() if v is not None}
    with pytest.raises(InvalidClientMetadata) as refused:
        parse(said)
    assert refused.value.where == where


def test_what_a_superior_stands_behind_counts() -> None:
    stood_behind = {
        "client_name": "The Tax Office",
        "audiences": ["https://api.tax.example"],
        "resource": "https://evil.example/api",
        "purposes": ["city"],
        "scope": "openid email address",
        "grant_types": ["authorization_code", "client_credentials"],
    }
    client = parse({**GOOD, **HOSTILE, **stood_behind}, stood_behind)
    assert (client.name, client.calls_itself) == ("The Tax Office", None)
    assert client.audiences == ("https://api.tax.example",)
    assert client.resource == "https://evil.example/api"
    assert client.purposes == ("city",)
    assert client.scopes == {"openid", "email", "address"}
    assert "client_credentials" in client.grant_types
    assert client.sector == "evil.example"


@pytest.mark.rfc("oidc-core", "8.1")
@pytest.mark.parametrize(
    ("entity", "uris", "sector"),
    [
        (EVIL, [f"{EVIL}/a", f"{EVIL}/b"], "evil.example"),
        (EVIL, [f"{EVIL}/a", "https://other.example/b"], EVIL),
        # A party that sends its codes to somebody else's host does not become that somebody.
        (EVIL, ["https://tax.example/callback"], EVIL),
        # Two that share a host do not share their people.
        (f"{EVIL}/shop", [f"{EVIL}/shop/a"], f"{EVIL}/shop"),
        (f"{EVIL}:8443", [f"{EVIL}/a"], f"{EVIL}:8443"),
    ],
)
def test_the_sector_is_its_own_host_or_the_entity_itself(
    entity: str, uris: list[str], sector: str
) -> None:
    said = {**GOOD, "redirect_uris": uris, "sector": "tax.example"}
    assert parse(said, {"sector": "tax.example"}, entity).sector == sector


def test_a_party_that_names_no_scope_may_ask_for_the_usual_ones_but_not_to_stay_connected() -> None:
    said = {name: value for name, value in GOOD.items() if name != "scope"}
    assert parse(said).scopes == {"openid", "profile", "email", "age", "residence"}


def test_keys_that_are_not_for_signing_are_passed_over() -> None:
    others = [{"kty": "RSA", "alg": "RSA-OAEP", "n": "AA", "e": "AQAB"}, {**JWK, "use": "enc"}]
    keys = {"keys": [*others, JWK]}
    assert [key["x"] for key in parse({**GOOD, "jwks": keys}).jwks] == [JWK["x"]]


@pytest.mark.parametrize("name", ["Tax\u202eeciffO", "a\nb", 7, "", " "])
def test_a_name_that_could_deceive_the_eye_is_not_shown(name: Any) -> None:
    assert parse({**GOOD, "client_name": name}).calls_itself is None
