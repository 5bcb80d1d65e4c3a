"""Names of hosts: one canonical form, and a sentence for what is none — RFC 5890, RFC 1123."""

from __future__ import annotations

import pytest

from foundation import hosts

NO_NAMES = {
    "": "empty",
    ".": "empty label",
    "a..example": "empty label",
    ".example": "empty label",
    "a.example.": "empty label",
    "a" * 64 + ".example": "63",
    ".".join(["a" * 60] * 5): "253",
    "ü" * 60 + ".example": "too long",
    "a b.example": "' '",
    " a.example": "' '",
    "a_b.example": "'_'",
    "a.example:443": "':'",
    "https://a.example": "':'",
    "a.example/": "'/'",
    "a\x00.example": "'\\x00'",
    "a@example": "'@'",
    "-a.example": "hyphen",
    "a-.example": "hyphen",
    "ab--cd.example": "hyphens",
    "10.0.0.1": "write IP:10.0.0.1",
    "[::1]": "write IP:::1",
    "2001:db8::1": "write IP:2001:db8::1",
    "１０.0.0.1": "ends in a number",
    "127.1": "ends in a number",
    "0x7f.1": "ends in a number",
    "2130706433": "ends in a number",
    "a.0x1f": "ends in a number",
    "☃.example": "not allowed",
    "xn--a.example": "not allowed",
    "xn--.example": "hyphen",
    "*": "'*'",
    "*.a.example": "wildcard",
    "a.*.example": "'*'",
    "f*.example": "'*'",
}


@pytest.mark.rfc("5280", "4.2.1.6")
@pytest.mark.parametrize(("written", "said"), NO_NAMES.items())
def test_what_is_no_name_of_a_host_is_refused_with_what_is_wrong(written: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        hosts.dns_name(written)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.rfc("9549", "2.2")
@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("id.example.city", "id.example.city"),
        ("ID.Example.City", "id.example.city"),
        ("localhost", "localhost"),
        ("3d.example", "3d.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("παράδειγμα.δοκιμή", "xn--hxajbheg2az3al.xn--jxalpdlp"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
    ],
)
def test_a_name_has_one_form_and_other_letters_become_a_labels(
    written: str, canonical: str
) -> None:
    assert hosts.dns_name(written) == canonical
    assert hosts.dns_name(canonical) == canonical


@pytest.mark.rfc("9525", "6.3")
def test_a_wildcard_is_the_whole_first_label_and_not_of_a_top_level_domain() -> None:
    assert hosts.dns_name("*.Bücher.example", wildcard=True) == "*.xn--bcher-kva.example"
    for written in ("*", "*.example", "*.*.example", "f*.a.example", "a.*.example", "*.10.0.0.1"):
        with pytest.raises(ValueError, match=r"."):
            hosts.dns_name(written, wildcard=True)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("[::1]", "::1"), ("0:0:0:0:0:0:0:1", "::1"), ("2001:DB8::1", "2001:db8::1"),
     ("192.0.2.1", "192.0.2.1")],
)  # fmt: skip
def test_an_address_has_one_form_with_or_without_brackets(written: str, canonical: str) -> None:
    assert str(hosts.ip_address(written)) == canonical


@pytest.mark.parametrize(
    "written",
    ["", "a.example", "10.0.0.0/8", "010.0.0.1", "10.0.0", "fe80::1%eth0", "0.0.0.0", "::",
     "224.0.0.1", "[10.0.0.1", "1::2::3"],
)  # fmt: skip
def test_what_is_not_one_hosts_address_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        hosts.ip_address(written)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("https://Bücher.example", "https://xn--bcher-kva.example"),
        ("HTTPS://ID.example:8443", "https://id.example:8443"),
        ("https://[0:0::1]:8443", "https://[::1]:8443"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/"),
        ("http://pki.example.city/base", "http://pki.example.city/base"),
    ],
)
def test_an_address_on_the_web_keeps_everything_but_the_writing_of_its_host(
    written: str, canonical: str
) -> None:
    assert hosts.http_url(written) == canonical


@pytest.mark.parametrize(
    "written",
    ["", "id.example", "ftp://a.example", "https://", "https:///x", "https://a..b", "https://[::1",
     "https://a.example:99999", "https://a.example:b", "https://u@a.example", "https://a b",
     "https://a.example?x", "https://a.example#x", "https://a.example/ü", "https://10.0.0.300"],
)  # fmt: skip
def test_what_is_no_address_on_the_web_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        hosts.http_url(written)
