"""What well-known programs are registered for, and what they are given to paste."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest

from documents import credentials
from documents.locker import Kinds
from foundation.errors import Unprocessable
from idp.oauth import (
    Client,
    Kit,
    Sentence,
    abilities_of,
    client_from_metadata,
    doubts_of,
    kit,
    known_kits,
)
from idp.oauth.catalogue_check import against
from policies.loading import packaged

URL = "https://my.service"
ISSUER = "https://city.example"
SECRET = "a-secret_of-43-characters"
ASKED = {"keycloak", "spring", "apache", "nginx", "node", "express", "django", "oauth2-proxy",
         "browser", "native", "authlib", "go", "passport"}  # fmt: skip


def registered(found: Kit, url: str | None = URL, **more: Any) -> Client:
    metadata = {"client_name": 'The "Library" \\ x', **found.metadata(url), **more}
    if found.redirects:
        metadata.setdefault("purposes", ["identity.sign-in"])
    catalogue = credentials.extend(Kinds({}, {}, ""))(packaged())
    return against(catalogue)(client_from_metadata("svc_1", metadata, development=False))


def test_the_usual_programs_are_there() -> None:
    assert set(known_kits()) >= ASKED


@pytest.mark.parametrize("name", sorted(known_kits()))
def test_each_can_be_registered_and_prints_what_it_was_registered_for(name: str) -> None:
    found = kit(name)
    client = registered(found)
    secret = None if client.is_public else SECRET
    printed = found.printed(client, secret, ISSUER, URL)
    whole = "\n".join(snippet.text for snippet in printed)
    assert ISSUER in whole
    assert client.id in whole
    assert (SECRET in whole) is not client.is_public
    assert not re.search(r"@[a-z0-9_]+@", whole)
    assert all(line.strip() for line in printed[0].text.splitlines()[:1])
    assert client.id_token_signed_response_alg == "RS256"


@pytest.mark.parametrize("name", sorted(known_kits()))
def test_what_is_json_or_toml_can_be_read(name: str) -> None:
    found = kit(name)
    for snippet in found.printed(registered(found), SECRET, ISSUER, URL):
        if snippet.name.endswith(".json"):
            assert json.loads(snippet.text)
        if ".cfg" in snippet.name:
            assert tomllib.loads(snippet.text)["client_id"] == "svc_1"


@pytest.mark.parametrize(
    ("name", "url", "redirect"),
    [
        ("spring", URL, f"{URL}/login/oauth2/code/civitas"),
        ("spring", f"{URL}/", f"{URL}/login/oauth2/code/civitas"),
        ("spring", f"{URL}:8443/app", f"{URL}:8443/app/login/oauth2/code/civitas"),
        ("keycloak", URL, f"{URL}/realms/master/broker/civitas/endpoint"),
        ("keycloak", f"{URL}/realms/city", f"{URL}/realms/city/broker/civitas/endpoint"),
        ("django", URL, f"{URL}/oidc/callback/"),
        ("oauth2-proxy", URL, f"{URL}/oauth2/callback"),
        ("native", None, "http://127.0.0.1/callback"),
    ],
)
def test_redirect_uris_are_as_those_programs_make_them(
    name: str, url: str | None, redirect: str
) -> None:
    assert registered(kit(name), url).redirect_uris == (redirect,)


def test_only_those_without_pkce_may_go_without() -> None:
    assert {name for name in known_kits() if not kit(name).pkce} == {"passport", "spring"}


@pytest.mark.parametrize(
    "url", [None, "", "my.service", "ftp://my.service", 'https://x/";', "https://x/?a", "https://"]
)
def test_an_address_that_is_none_is_refused(url: str | None) -> None:
    with pytest.raises(Unprocessable, match="address"):
        kit("spring").metadata(url)


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(Unprocessable, match=r"'sprung'.*apache, authlib.*spring"):
        kit("sprung")


# ── what it will be able to do ───────────────────────────────────────────────────────────


def told(sentences: list[Sentence]) -> str:
    return " ".join(sentence.said() for sentence in sentences)


def test_what_a_service_can_do_is_said() -> None:
    client = registered(kit("spring"), scope="openid email offline_access access:evaluate")
    can = told(abilities_of(client, packaged()))
    assert "for: identity.sign-in" in can
    assert "chooses of: email" in can
    assert "while the person is away" in can
    assert "ask yes or no" in can
    assert "client_credentials" in told(doubts_of(client, packaged()))


def test_a_scope_that_no_purpose_has_a_use_for_is_doubted() -> None:
    client = registered(kit("spring"), scope="openid address")
    doubts = told(doubts_of(client, packaged()))
    assert "scope address" in doubts
    assert "purpose" in doubts
    parking = registered(kit("spring"), scope="openid address", purposes=["mobility.parking"])
    assert doubts_of(parking, packaged()) == []
