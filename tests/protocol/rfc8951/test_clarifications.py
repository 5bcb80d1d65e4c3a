"""What RFC 8951 clarifies: transfer encoding says nothing, base64 needs no header."""

from __future__ import annotations

import base64

import pytest

from tests.support.devices import Town, certificates_in, csr, new_key

PATH = "/.well-known/est/simpleenroll"


@pytest.mark.rfc("8951", "3.1")
@pytest.mark.parametrize("encoding", [None, "base64", "binary", "BASE64"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_base64_is_accepted_whatever_content_transfer_encoding_says(
    town: Town, encoding: str | None, wrapped: bool
) -> None:
    registered = town.city.register()
    der = csr(new_key(), registered.device.id)
    headers = {"Content-Type": "application/pkcs10"}
    if encoding is not None:
        headers["Content-Transfer-Encoding"] = encoding
    body = base64.encodebytes(der) if wrapped else base64.b64encode(der)
    answer = town.https.post(
        PATH, content=body, headers=headers, auth=(registered.device.id, registered.token)
    )
    assert answer.status_code == 200, answer.text
    assert len(certificates_in(answer.content)) == 1


@pytest.mark.rfc("8951", "3.1")
def test_parameters_of_the_content_type_do_no_harm(town: Town) -> None:
    registered = town.city.register()
    answer = town.https.post(
        PATH,
        content=csr(new_key(), registered.device.id),
        headers={"Content-Type": "application/pkcs10; charset=us-ascii"},
        auth=(registered.device.id, registered.token),
    )
    assert answer.status_code == 200


@pytest.mark.rfc("8951", "3.2.1")
def test_answers_are_base64_in_one_line(town: Town) -> None:
    for operation in ("cacerts", "csrattrs"):
        answer = town.https.get(f"/.well-known/est/{operation}")
        assert base64.b64encode(base64.b64decode(answer.content)) == answer.content
