"""Whatever is written as a name is refused with a sentence, or has one form that stays."""

from __future__ import annotations

from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from foundation import hosts
from pki.x509 import names

_PARTS = st.sampled_from(
    ["a", "b1", "-", "*", "xn--", "xn--bcher-kva", "ü", "ß", ".", "..", "10", "0x1", "[", "]", ":",
     "/", "%", "@", " ", "\x00", "。", "\u200d", "::1", "例", "٢", "https", "urn:", "//"]
)  # fmt: skip
_WRITTEN = st.one_of(st.text(max_size=80), st.lists(_PARTS, max_size=8).map("".join))


@given(st.sampled_from(["DNS", "IP", "URI", "", "dns"]), _WRITTEN, st.booleans())
def test_a_name_is_refused_or_has_one_form_that_a_certificate_can_carry(
    kind: str, value: str, wildcard: bool
) -> None:
    try:
        found = names.canonical(f"{kind}:{value}", wildcard=wildcard)
    except ValueError:
        return
    assert found.isascii()
    assert names.canonical(found, wildcard=wildcard) == found
    (general,) = names.alternative_names([found])
    assert names.written(general) == found
    assert x509.SubjectAlternativeName([general]).public_bytes()


@given(_WRITTEN)
def test_an_origin_is_refused_or_has_one_form(value: str) -> None:
    try:
        found = hosts.http_url(f"https://{value}")
    except ValueError:
        return
    assert found.isascii()
    assert hosts.http_url(found) == found
