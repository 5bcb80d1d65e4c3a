"""`[pki] url` is written into every certificate: what is no address is refused — RFC 5280 §8."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pki import PkiSettings


@pytest.mark.rfc("5280", "4.2.1.13")
@pytest.mark.parametrize(
    "url",
    ["https://pki.example", "http://", "http://a..b", "http://a b", "http://u@a.example",
     "http://pki.example?x", "http://pki.example/ü", "http://pki.example:99999"],
)  # fmt: skip
def test_what_no_certificate_may_carry_as_an_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="write an address such as"):
        PkiSettings(url=url)


@pytest.mark.rfc("9549", "2.3")
def test_international_names_are_written_as_a_labels() -> None:
    assert PkiSettings(url="http://Bücher.example/x").url == "http://xn--bcher-kva.example/x"
