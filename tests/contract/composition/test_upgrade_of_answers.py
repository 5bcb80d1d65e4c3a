"""What outlived its consent before 0013 ends with the upgrade; what stood, stands — failures 20."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import column, insert, select, table

from civitas import governance, schema
from foundation.runtime import open_database
from foundation.settings import Settings

assert governance  # every package has declared its tables

CONSENTS: dict[str, Any] = {
    "giver_kind": "self", "giver_id": "p", "service_name": "S", "purpose": "library",
    "attributes": "[]", "refused": "[]", "classes": "[]", "explicit": False,
    "retention_days": 1, "notice_version": "1", "notice_language": "en", "notice_digest": b"",
    "notice_sealed": b"", "given_at": 10, "not_before": 10, "not_after": 90,
}  # fmt: skip
GRANTS: dict[str, Any] = {
    "subject": "s", "session_id": "x", "session_reference": "y", "purpose": "library",
    "scope": "[]", "userinfo_attributes": "[]", "id_token_attributes": "[]", "level": 1,
    "amr": "[]", "auth_time": 1, "offline": True, "state": "active", "created_at": 20,
    "expires_at": 99,
}  # fmt: skip


def add(uow: Any, name: str, **values: Any) -> None:
    uow.execute(insert(table(name, *(column(one) for one in values))).values(**values))


@pytest.mark.row("failures", "20")
def test_answers_and_grants_that_outlived_their_consent_end_with_the_upgrade(
    any_settings: Settings,
) -> None:
    database = open_database(any_settings)
    schema.upgrade(database, "0012")
    states = {"withdrawn": 50, "expired": 50, "active": None}
    with database.write() as uow:
        for state, ended_at in states.items():
            here = {"person_id": state, "service": "svc"}
            add(uow, "consents", id=state, state=state, ended_at=ended_at, **here, **CONSENTS)
            for consent_id in (None, state):
                of = {"person_id": state, "client_id": "svc", "consent_id": consent_id}
                add(uow, "oauth_grants", id=f"{state} {consent_id}", **of, **GRANTS)
            answer = {"person_id": state, "client_id": "svc", "purpose": "library"}
            add(uow, "oauth_consent_answers", **answer, offline=True, answered_at=20)
        # Answered anew after the withdrawal: that stands.
        anew = {"person_id": "withdrawn", "client_id": "svc", "purpose": "city"}
        add(uow, "oauth_consent_answers", **anew, offline=True, answered_at=60)
    schema.upgrade(database)
    kept = table("oauth_consent_answers", column("person_id"), column("purpose"))
    grants = table("oauth_grants", column("id"), column("state"))
    with database.read() as uow:
        answers = {tuple(row) for row in uow.all(select(kept))}
        alive = {r.id for r in uow.all(select(grants)) if r.state == "active"}
    database.close()
    assert answers == {("active", "library"), ("withdrawn", "city")}
    # Those of the withdrawn consent itself had ended with it already, at the time.
    assert alive == {"active None", "active active", "withdrawn withdrawn"}
