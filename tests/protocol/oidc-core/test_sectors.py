"""The sector of a pairwise subject is the host without the port — OpenID Connect Core 1.0 §8.1."""

from __future__ import annotations

import jwt
import pytest
from sqlalchemy import insert

from idp.oauth import AddedClient
from idp.oauth.tables import subjects
from tests.support.authorization_server import AuthorizationServer, answer_of

pytestmark = [pytest.mark.rfc("oidc-core", "8.1"), pytest.mark.row("privacy", "P-1")]


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1")
    authorization_server.people.sign_in("per_1")
    return authorization_server


def at(server: AuthorizationServer, *places: str, **more: object) -> AddedClient:
    return server.add(redirect_uris=[f"https://{place}/callback" for place in places], **more)


def id_token_of(server: AuthorizationServer, service: AddedClient) -> str:
    return str(server.tokens(service)["id_token"])


def sub_of(server: AuthorizationServer, service: AddedClient) -> str:
    claims = jwt.decode(id_token_of(server, service), options={"verify_signature": False})
    return str(claims["sub"])


def known_before(server: AuthorizationServer, sector: str, subject: str) -> None:
    """A subject that was made while the port belonged to the sector."""
    now = server.runtime.clock.now()
    row = {"person_id": "per_1", "sector": sector, "subject": subject, "created_at": now}
    with server.runtime.database.write() as uow:
        uow.execute(insert(subjects).values(**row))


def test_services_at_two_ports_of_one_host_know_a_person_by_one_subject(
    server: AuthorizationServer,
) -> None:
    one, two = at(server, "library.example"), at(server, "Library.example:8443")
    assert one.client.sector == two.client.sector == "library.example"
    assert sub_of(server, one) == sub_of(server, two)
    assert sub_of(server, at(server, "museum.example")) != sub_of(server, one)


def test_redirect_uris_at_two_ports_of_one_host_need_no_sector_written(
    server: AuthorizationServer,
) -> None:
    both = at(server, "library.example", "library.example:8443")
    assert both.client.sector == "library.example"
    assert at(server, "[2001:db8::1]:8443").client.sector == "[2001:db8::1]"


def test_a_service_goes_on_with_the_subject_that_it_was_told_while_the_port_counted(
    server: AuthorizationServer,
) -> None:
    known_before(server, "library.example:8443", "told-at-8443")
    known_before(server, "library.example", "told-at-443")
    one, two = at(server, "library.example"), at(server, "library.example:8443")
    assert sub_of(server, one) == "told-at-443"
    assert sub_of(server, two) == "told-at-8443"
    assert server.oauth.person_of(two.client.id, "told-at-8443") == "per_1"
    assert server.oauth.person_of(one.client.id, "told-at-8443") is None


def test_whoever_was_known_at_one_port_only_is_known_at_another_by_the_hosts_subject(
    server: AuthorizationServer,
) -> None:
    known_before(server, "library.example", "told-at-443")
    assert sub_of(server, at(server, "library.example:8443")) == "told-at-443"


def test_the_person_of_a_subject_from_before_is_expected_and_signed_out_by_it(
    server: AuthorizationServer,
) -> None:
    known_before(server, "library.example:8443", "told-at-8443")
    service = at(server, "library.example:8443")
    hint = id_token_of(server, service)
    silent = server.authorize(service, prompt="none", id_token_hint=hint)
    assert "code" in answer_of(silent)
