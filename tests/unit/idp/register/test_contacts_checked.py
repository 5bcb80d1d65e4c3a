"""Whether a contact was checked — OpenID Connect Core 1.0 §5.1."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from foundation.settings import Jurisdiction
from idp.register.claims import claims_from
from idp.register.profile import Profile

ADA = Profile("39001012222", "Ada", "Byron", "1990-01-01")
NOW = datetime(2026, 12, 1, tzinfo=UTC)
ASKED = ("email", "email_verified", "phone_number", "phone_number_verified")


@pytest.mark.rfc("oidc-core", "5.1")
def test_no_contact_is_called_checked_that_nobody_wrote_to() -> None:
    written = replace(ADA, email="ada@example.org")
    assert claims_from(written, ASKED, Jurisdiction(), NOW) == {
        "email": "ada@example.org",
        "email_verified": False,
    }


@pytest.mark.rfc("oidc-core", "5.1")
def test_nothing_is_said_of_a_contact_that_is_not_there() -> None:
    assert claims_from(ADA, ASKED, Jurisdiction(), NOW) == {}
