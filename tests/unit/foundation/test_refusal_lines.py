"""What a line of the log leaves out of a refusal's sentence, and what it keeps — X.1253 9.1."""

from __future__ import annotations

import json

import pytest
from starlette.requests import Request

from foundation import refusal_lines
from foundation.bodies import Body
from foundation.errors import BadRequest

FORM = "application/x-www-form-urlencoded"


def request(query: str = "", content: bytes = b"", kind: str = FORM, **path: str) -> Request:
    body = Body()
    body.write(content)
    return Request(
        {
            "type": "http",
            "method": "POST",
            "path": "/",
            "query_string": query.encode(),
            "headers": [(b"content-type", kind.encode())],
            "path_params": path,
            "civitas.body": body,
        }
    )


@pytest.mark.row("assurance", "X.1253-9.1-6")
@pytest.mark.parametrize(
    ("asked", "sentence", "line"),
    [
        (request("login_hint=mari.tamm"), "No 'mari.tamm' here.", "No '…' here."),
        (request(content=b"name=Mari+Tamm&x=1"), "Mari is taken, tamm too.", "… is taken, … too."),
        (request(content=b"scope=openid+proflie"), "The scope proflie is not known.",
         "The scope proflie is not known."),
        (request(content=b"state=x"), "The parameter state is missing.",
         "The parameter state is missing."),
        (request(content=json.dumps({"who": [{"name": "Li"}]}).encode(), kind="application/json"),
         "Li cannot be asked.", "… cannot be asked."),
        (request(content=b"%PDF Mari Tamm", kind="application/pdf"), "Mari Tamm has no form.",
         "… … has no form."),
        (request(device_id="dev-mari"), "There is no dev-mari.", "There is no …."),
        (request(content=b"mail=mari%40tamm.example"), "mari@tamm.example is no number.",
         "… is no number."),
    ],
)  # fmt: skip
def test_what_was_sent_is_left_out_and_the_words_of_protocols_stay(
    asked: Request, sentence: str, line: str
) -> None:
    assert refusal_lines.reason(BadRequest(sentence), asked) == line
