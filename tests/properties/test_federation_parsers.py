"""No bytes from outside make a parser of the federation fail otherwise than by its own error."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st

from foundation.fetch import Fetch, FetchError
from idp.federation import entity_identifier, entity_statement, jws
from idp.federation.constraints import Constraints
from idp.federation.jws import Invalid

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
claims = st.dictionaries(
    st.sampled_from(sorted(entity_statement.STANDARD_CLAIMS)) | st.text(max_size=6), json_values
)


def compact(header: Any, payload: Any) -> str:
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), b"signature")
    return ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts)


@given(st.text())
def test_any_text_is_a_statement_or_invalid(text: str) -> None:
    with contextlib.suppress(Invalid):
        entity_statement.parse(text)


@given(claims)
def test_any_claims_are_a_statement_or_invalid(payload: dict[str, Any]) -> None:
    header = {"alg": "ES256", "kid": "k", "typ": entity_statement.TYP}
    base = {"iss": "https://a.example", "sub": "https://a.example", "iat": 1, "exp": 2}
    for value in (payload, {**base, "jwks": {"keys": [{"kid": "k"}]}, **payload}):
        try:
            statement = entity_statement.parse(compact(header, value))
            statement.verified_by(statement.keys)
        except Invalid:
            continue
        raise AssertionError("a made-up signature was accepted")


@given(json_values)
def test_any_header_is_read_or_invalid(header: Any) -> None:
    with contextlib.suppress(Invalid):
        jws.read(compact(header, {}), None)


@given(json_values)
def test_any_constraints_are_parsed_or_invalid(value: Any) -> None:
    with contextlib.suppress(Invalid):
        Constraints.parse(value)


@given(json_values)
def test_any_key_set_is_public_or_invalid(value: Any) -> None:
    with contextlib.suppress(Invalid):
        jws.key_set(value)


@given(st.text() | st.from_regex(r"https?://[^/]{0,12}(/.*)?", fullmatch=True))
def test_an_entity_identifier_is_an_https_url_with_a_host_and_no_query(text: str) -> None:
    try:
        entity_id = entity_identifier.parse(text)
    except Invalid:
        return
    parts = urlsplit(entity_id)
    assert parts.scheme == "https"
    assert parts.hostname
    assert not parts.query
    assert not parts.fragment
    assert parts.username is None


@given(st.text() | st.from_regex(r"[a-z]{3,6}://[^/]{0,16}(/.*)?", fullmatch=True))
def test_no_url_at_all_reaches_a_private_address(url: str) -> None:
    fetch = Fetch(resolve=lambda host, port: ("10.1.2.3",))
    try:
        fetch.get(url, ())
    except FetchError:
        return
    raise AssertionError("something was fetched")
