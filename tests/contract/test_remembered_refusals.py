"""What only takes away is remembered though its row is deleted; foreign keys are never ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from foundation import algorithms
from foundation.rows.check import wrong_rows
from foundation.rows.inspection import GONE
from foundation.runtime import Runtime
from foundation.signing_keys import signing_keys, thumbprint
from idp.oauth import cut_offs, suspensions
from tests.support.authorization_server import AuthorizationServer
from tests.support.intruder import Intruder


@pytest.fixture
def server(any_authorization_server: AuthorizationServer) -> AuthorizationServer:
    any_authorization_server.people.born("per_1")
    any_authorization_server.people.sign_in("per_1")
    return any_authorization_server


@pytest.fixture
def intruder(any_runtime: Runtime) -> Iterator[Intruder]:
    made = Intruder(any_runtime.database)
    yield made
    made.close()


def test_a_revocation_that_was_deleted_is_obeyed_and_missed(server, any_runtime, intruder):
    service = server.add()
    token = server.tokens(service)["access_token"]
    form = {"token": token, "token_type_hint": "access_token"}
    auth = (service.client.id, service.secret or "")
    assert server.http.post("/oauth/revoke", data=form, auth=auth).status_code == 200
    assert intruder.run("DELETE FROM oauth_revoked_tokens") == 1
    assert not server.introspect(service, token)["active"]
    assert server.userinfo(token).status_code == 401
    found = wrong_rows(any_runtime.database, any_runtime.guard, any_runtime.clock.now())
    assert [(wrong.table, wrong.why) for wrong in found] == [("oauth_revoked_tokens", GONE)]


def test_tokens_that_were_used_or_ended_do_not_live_again(server, any_runtime, intruder):
    service = server.add()
    tokens = server.tokens(service, scope="openid offline_access")
    assert server.refresh(service, tokens["refresh_token"]).status_code == 200
    assert intruder.run("UPDATE oauth_refresh_tokens SET used_at = NULL") == 2
    assert server.refresh(service, tokens["refresh_token"]).status_code == 400
    intruder.run("UPDATE oauth_grants SET state = 'ended'")
    intruder.run("UPDATE oauth_grants SET person_id = 'per_2', state = 'active'")
    assert not server.introspect(service, tokens["access_token"])["active"]


def test_a_service_that_was_suspended_elsewhere_stays_so_until_it_is_resumed(any_runtime, intruder):
    now, name = any_runtime.clock.now(), "https://library.example"
    with any_runtime.database.write() as uow:
        suspensions.add(uow, name, now)
    intruder.run("DELETE FROM oauth_suspensions")
    with any_runtime.database.read() as uow:
        assert suspensions.stands(uow, name)
        assert not suspensions.stands(uow, "https://another.example")
    any_runtime.clock.advance(timedelta(minutes=1))
    with any_runtime.database.write() as uow:
        assert suspensions.remove(uow, name, any_runtime.clock.now())
    with any_runtime.database.read() as uow:
        assert not suspensions.stands(uow, name)
    assert list(wrong_rows(any_runtime.database, any_runtime.guard, now)) == []


def test_an_end_of_a_clients_tokens_is_remembered_with_its_instant(any_runtime, intruder):
    now = any_runtime.clock.now()
    with any_runtime.database.write() as uow:
        cut_offs.cut_off(uow, "svc_1", now)
    intruder.run("DELETE FROM oauth_cut_offs")
    with any_runtime.database.read() as uow:
        assert uow.refused_at((cut_offs.cut_offs, {"client_id": "svc_1"})) == [now]
        assert uow.refused_at((cut_offs.cut_offs, {"client_id": "svc_2"})) == [None]


def test_a_signing_key_that_somebody_put_there_is_not_published(any_runtime, intruder):
    any_runtime.keys.ensure("jwt", "EdDSA")
    (ours,) = any_runtime.keys.published("jwt")
    theirs = algorithms.generate("EdDSA").public_key()
    (row,) = [r for r in intruder.copy(signing_keys) if r["use"] == "jwt"]
    row |= {"kid": thumbprint(theirs), "public_key": algorithms.public_der(theirs)}
    with intruder.connection() as connection:
        connection.execute(insert(signing_keys).values(**{**row, "generation": 2}))
    any_runtime.clock.advance(timedelta(seconds=2))
    assert [key.kid for key in any_runtime.keys.published("jwt")] == [ours.kid]
    assert any_runtime.keys.by_kid(thumbprint(theirs)) is None
    here = signing_keys.c.kid == ours.kid
    intruder.do(update(signing_keys).where(here).values(public_key=row["public_key"]))
    any_runtime.clock.advance(timedelta(seconds=2))
    assert any_runtime.keys.published("jwt") == ()
