"""Redirect URIs as values — RFC 6749 §3.1.2, RFC 8252 §7.3; failures 1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.oauth import redirects

REGISTERED = "https://library.example/callback"


@pytest.mark.row("failures", "1")
@given(st.text(max_size=60))
@pytest.mark.row("assurance", "X.1253-9.3-3")
def test_no_other_text_than_the_registered_one_matches(text: str) -> None:
    assert redirects.matches(REGISTERED, text) == (text == REGISTERED)
    assert redirects.matches(REGISTERED, REGISTERED + text) == (text == "")


@pytest.mark.rfc("8252", "7.3")
@given(st.integers(min_value=0, max_value=100_000))
def test_a_loopback_literal_matches_on_any_real_port(port: int) -> None:
    given_uri = f"http://127.0.0.1:{port}/cb"
    assert redirects.matches("http://127.0.0.1/cb", given_uri) == (0 < port < 65_536)
    assert not redirects.matches("http://[::1]/cb", given_uri)
    assert not redirects.matches("http://localhost/cb", given_uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://library.example/cb",
        "https://library.example/cb#top",
        "https://user@library.example/cb",
        "https://*.example/cb",
        "https://library.example/c b",
        "https://library.example\\@evil.example/",
        "https:///cb",
        "https://library.example:99999999/cb",
        "custom:/cb",
        "javascript:alert(1)",
        "/cb",
        "",
        "https://bibliothèque.example/cb",
    ],
)
@pytest.mark.parametrize("development", [True, False])
def test_what_cannot_be_registered_says_why(uri: str, development: bool) -> None:
    assert redirects.why_not_registrable(uri, native=True, development=development)


def test_http_on_localhost_is_for_development_only() -> None:
    uri = "http://localhost:8001/cb"
    assert redirects.why_not_registrable(uri, native=False, development=True) is None
    assert redirects.why_not_registrable(uri, native=True, development=False) is not None
    literal = "http://127.0.0.1/cb"
    assert redirects.why_not_registrable(literal, native=True, development=False) is None
    assert redirects.why_not_registrable(literal, native=False, development=False) is not None
