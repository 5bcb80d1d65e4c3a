"""Client metadata at the door — RFC 7591 §2."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.oauth import InvalidClientMetadata, client_from_metadata
from idp.oauth.catalogue_check import against
from policies.loading import packaged

GOOD: dict[str, Any] = {
    "client_name": "City Library",
    "redirect_uris": ["https://library.example/cb"],
    "scope": "openid email",
    "purposes": ["library"],
}


def parse(**changed: Any) -> Any:
    metadata = {name: v for name, v in {**GOOD, **changed}.items() if v is not None}
    return against(packaged())(client_from_metadata("svc_1", metadata, development=False))


def test_a_client_is_registered_for_what_its_scopes_ask_and_no_more() -> None:
    assert parse().attributes == {"email"}
    assert parse(attributes=["age_over_18"]).attributes == {"age_over_18"}


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"client_name": None}, "client_name"),
        ({"client_name": 7}, "client_name"),
        ({"redirect_uris": None}, "redirect_uris"),
        ({"redirect_uris": ["http://library.example/cb"]}, "redirect_uris"),
        ({"redirect_uris": 7}, "redirect_uris"),
        ({"post_logout_redirect_uris": ["https://x.example/#y"]}, "post_logout_redirect_uris"),
        ({"redirect_uris": ["https://a.example/", "https://b.example/"]}, "sector"),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "jwks"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "tls_client_auth_subject_dn"),
        ({"grant_types": ["password"]}, "grant_types"),
        ({"grant_types": ["refresh_token"], "redirect_uris": None}, "grant_types"),
        (
            {"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"},
            "grant_types",
        ),
        ({"response_types": ["token"]}, "response_types"),
        ({"subject_type": "public"}, "subject_type"),
        ({"id_token_signed_response_alg": "none"}, "id_token_signed_response_alg"),
        ({"jwks_uri": "http://169.254.169.254/"}, "jwks_uri"),
        ({"sector_identifier_uri": "http://169.254.169.254/"}, "sector_identifier_uri"),
        ({"scope": "openid invented"}, "scope"),
        ({"purposes": None}, "purposes"),
        ({"purposes": ["everything"]}, "purposes"),
        ({"attributes": ["shoe_size"]}, "attributes"),
        ({"attribute_reasons": "because"}, "attribute_reasons"),
        ({"attribute_reasons": {"email": ""}}, "attribute_reasons"),
        ({"attribute_reasons": {"email": "a\u2028b"}}, "attribute_reasons"),
        ({"attribute_reasons": {"email": "x" * 201}}, "attribute_reasons"),
        ({"attribute_reasons": {"shoe_size": "To fit"}}, "attribute_reasons"),
        ({"resource": "not a uri"}, "resource"),
        ({"redirect_uri": "https://library.example/cb"}, "redirect_uri"),
        ({"require_signed_request_object": "yes"}, "require_signed_request_object"),
    ],
)
def test_a_mistake_names_its_member(changed: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidClientMetadata) as refused:
        parse(**changed)
    assert refused.value.where == where


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


@given(st.sampled_from([*GOOD, "jwks", "grant_types", "resource", "contacts"]), JSON)
def test_any_value_gives_a_client_or_a_named_refusal(name: str, value: Any) -> None:
    refused = None
    try:
        parse(**{name: value, "jwks": value if name == "jwks" else None})
    except InvalidClientMetadata as error:
        refused = error
    assert refused is None or refused.where
