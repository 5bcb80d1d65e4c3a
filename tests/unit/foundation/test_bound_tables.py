"""Every table says what its rows grant, or why nobody gains by changing them."""

from __future__ import annotations

import pytest
from sqlalchemy import Table

import civitas.app  # noqa: F401 - declares the tables of every package
from foundation.database import metadata
from foundation.row_macs import MAC, binding, refusal, why_unbound

TABLES = metadata.sorted_tables


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_is_bound_or_refuses_or_says_why_it_grants_nothing(table: Table) -> None:
    said = [binding(table), refusal(table), why_unbound(table)]
    assert len([one for one in said if one]) == 1, (
        f"declare {table.name} beside its columns: row_macs.bound, refuses, held or grants_nothing"
    )


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_grants_or_names_its_owner_is_under_the_mac(table: Table) -> None:
    """Columns of these names decide who may do what: none is left out of a bound table."""
    bound = binding(table)
    if bound is None:
        assert MAC not in table.c
        return
    deciding = {
        *("person_id", "subject_id", "subject_kind", "staff_id", "client_id", "device_id"),
        *("level", "role", "scope", "audience", "purpose", "attributes", "offline", "keys"),
        *("token_digest", "code_digest", "cookie_digest", "expires_at", "ends_at", "not_after"),
        *("owner", "owner_kind", "profile", "holder", "public_key", "secret", "secret_mac"),
        *("redirect_uri", "code_challenge", "registration", "certificate_thumbprint"),
        *("state", "ended_at", "revoked_at", "used_at", "redeemed_at", "withdrawn_at"),
    }
    # Of a certificate the state says how far its making is; its authority's signature, that it is.
    deciding -= {"state"} if table.name == "pki_certificates" else set()
    # When it was used last is told to its owner, and decides nothing.
    deciding -= {"used_at"} if table.name in ("login_credentials", "oauth_grants") else set()
    # When an ended row ended, where another column says that it has.
    deciding -= {"ended_at"} if "state" in bound.only_while else set()
    assert deciding & set(table.c.keys()) <= {*bound.covered, *bound.only_while}
