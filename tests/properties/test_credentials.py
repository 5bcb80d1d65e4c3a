"""Whatever is shown in place of a credential is refused in a word, and nothing else happens."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from documents.credentials import sd_jwt, status_list
from documents.credentials.sd_jwt import Hidden, Malformed, base64url

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["_sd", "...", "a", "b", "_sd_alg"]), inner, max_size=3)
    ),
    max_leaves=12,
)
NAMES = st.text(min_size=1, max_size=8).filter(lambda name: name not in ("_sd", "...", "_sd_alg"))


@given(st.dictionaries(st.sampled_from(["_sd", "...", "a"]), JSON), st.lists(JSON, max_size=4))
def test_any_payload_and_disclosures_are_read_or_refused(
    payload: dict[str, Any], said: list[Any]
) -> None:
    disclosures = [base64url(json.dumps(one).encode()) for one in said]
    try:
        found = sd_jwt.disclosed(payload, disclosures)
    except Malformed:
        return
    assert "..." not in found
    assert "_sd" not in found


@given(st.text(max_size=200))
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        parts = sd_jwt.split(text)
    except Malformed:
        return
    again = sd_jwt.joined(parts.token, parts.disclosures, parts.key_binding or "")
    assert again == text


@given(st.dictionaries(NAMES, st.text(max_size=8) | st.integers(), max_size=6), st.data())
def test_what_is_disclosed_is_what_was_chosen_and_no_more(
    claims: dict[str, Any], data: st.DataObject
) -> None:
    payload, disclosures = sd_jwt.concealed({n: Hidden(v) for n, v in claims.items()}, 8)
    chosen = data.draw(st.sets(st.sampled_from(disclosures))) if disclosures else set()
    names = {json.loads(sd_jwt.from_base64url(one))[1] for one in chosen}
    found = sd_jwt.disclosed(payload, sorted(chosen))
    assert found == {name: claims[name] for name in names}


@given(JSON, st.integers())
def test_any_list_has_a_status_or_is_refused(said: Any, idx: int) -> None:
    with suppress(status_list.Unreadable):
        assert status_list.status_at(said, idx) in range(256)
