"""A refusal leaves one line with its reason in the log, under the id that its answer shows."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator

import pytest

from foundation.clock import FrozenClock
from tests.support import deployments
from tests.support.city import City

BASIC = {"Authorization": f"Basic {base64.b64encode(b'svc_nobody:a-guess').decode()}"}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """Refusals change nothing: one is enough for all of them."""
    folder = tmp_path_factory.mktemp("refusals")
    made = City(deployments.settings_in(folder), FrozenClock(deployments.START))
    yield made
    made.close()


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "civitas.errors"]


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "said"),
    [
        ("POST", "/oauth/token", {"data": {"grant_type": "password", "username": "mari"}},
         401, "invalid_client at POST /oauth/token"),
        ("POST", "/oauth/token",
         {"data": {"grant_type": "client_credentials"}, "headers": BASIC},
         401, "invalid_client at POST /oauth/token"),
        ("POST", "/oauth/token", {"json": {"grant_type": "password"}},
         400, "application/x-www-form-urlencoded"),
        ("GET", "/oauth/userinfo", {"headers": {"Authorization": "Bearer mari.was.here"}},
         401, "invalid_token at GET /oauth/userinfo"),
        ("POST", "/.well-known/est/simpleenroll", {"content": b"mari"},
         403, "forbidden at POST /.well-known/est/simpleenroll"),
        ("GET", "/devices/v1/dev-mari", {"headers": {"Accept": "application/json"}},
         401, "at GET /devices/v1/{device_id}"),
        ("GET", "/oauth/authorize?client_id=svc_nobody&state=mari",
         {"headers": {"Accept": "text/html"}}, 400, "at GET /oauth/authorize"),
    ],
)  # fmt: skip
def test_a_refusal_leaves_one_line_with_its_reason_and_the_id_of_the_answer(
    city: City,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    sent: dict[str, object],
    status: int,
    said: str,
) -> None:
    with caplog.at_level(logging.INFO, "civitas.errors"):
        answer = city.browser().http.request(method, path, **sent)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    (line,) = lines(caplog)
    assert said in line
    assert f"{answer.headers['x-request-id']}: {status} " in line
    assert "mari" not in line, "it names nobody"
    assert re.search(r"at [A-Z]+ \S+: .{10,}", line), "and says why"
    if "text/html" in answer.headers["content-type"]:
        assert answer.headers["x-request-id"] in answer.text


def test_what_is_no_endpoint_of_ours_and_what_only_leads_on_leave_no_line(
    city: City, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "civitas.errors"):
        city.browser().get("/wp-login.php")
        city.browser().get("/account")
    assert lines(caplog) == []
