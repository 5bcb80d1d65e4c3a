"""The level of a session and the ceilings of authenticators — ISO/IEC 29115:2013 §6, §8.4."""

import pytest

from policies.levels import (
    PasskeyEvidence,
    Proofing,
    Used,
    acr_of,
    authentication_level,
    authenticator_of_passkey,
    level_of_acr,
    level_of_session,
)
from policies.loading import packaged

TABLES = packaged()
IN_PERSON = Proofing(4, in_person=True)

# authenticator · alone · with a password, as assurance.md's table has them
CEILINGS = [
    ("totp", 2, 3),
    ("code-card", 2, 3),
    ("sms", 2, 2),
    ("recovery-code", 1, 2),  # adds nothing to the password's own 2
    ("passkey-synced-verified", 3, 3),
    ("passkey-synced", 2, 3),
    ("passkey-bound-verified", 3, 3),
    ("passkey-bound", 2, 3),
    ("fido2-attested-verified", 4, 4),
    ("fido2-attested", 2, 4),
    ("x509-soft", 3, 3),
    ("x509-card", 4, 4),
]


def level(*used: str, proofing: Proofing = IN_PERSON, **more: int) -> int:
    return level_of_session(
        proofing,
        [Used(u) for u in used],
        more.get("organisation", 4),
        more.get("upstream"),
        ceilings=TABLES.ceilings,
        levels=TABLES.levels,
    ).level


@pytest.mark.parametrize(("authenticator", "alone", "combined"), CEILINGS)
def test_each_authenticator_reaches_what_the_table_says(
    authenticator: str, alone: int, combined: int
) -> None:
    assert level(authenticator) == alone
    assert level("password", authenticator) == combined
    assert level(authenticator, "password") == combined


def test_the_table_has_a_row_for_every_tested_authenticator_and_no_other() -> None:
    assert set(TABLES.ceilings) == {"password", *(name for name, _, _ in CEILINGS)}


@pytest.mark.row("assurance", "AU-1")
def test_level_3_needs_two_categories() -> None:
    assert level("password") == 2
    assert level("password", "password") == 2
    assert level("totp", "sms") == 2
    assert level("totp", "passkey-synced") == 2


def test_without_any_authenticator_no_level_is_reached() -> None:
    assert level() == 0
    assert acr_of(0) == "0"


@pytest.mark.row("assurance", "EN-7")
def test_a_remote_session_never_yields_level_4() -> None:
    assert level("x509-card", proofing=Proofing(4, in_person=False)) == 3
    assert level("x509-card", proofing=Proofing(4, in_person=True)) == 4


@pytest.mark.parametrize("part", ["proofing", "organisation", "upstream", "authentication"])
def test_the_lowest_part_decides_and_is_named(part: str) -> None:
    reached = level_of_session(
        Proofing(2) if part == "proofing" else IN_PERSON,
        [Used("password" if part == "authentication" else "x509-card")],
        2 if part == "organisation" else 4,
        2 if part == "upstream" else 4,
        ceilings=TABLES.ceilings,
        levels=TABLES.levels,
    )
    assert reached.level == 2
    assert reached.bounded_by == (part,)
    assert reached.acr == "urn:civitas:loa:2"


def test_a_credential_counts_no_higher_than_it_is_managed() -> None:
    assert authentication_level([Used("x509-card", managed=2)], TABLES.ceilings) == 2
    both = [Used("password", managed=1), Used("totp")]
    assert authentication_level(both, TABLES.ceilings) == 2  # the app alone; the pair is 1


def test_an_acr_maps_to_its_level_and_back() -> None:
    assert [level_of_acr(acr_of(n)) for n in (1, 2, 3, 4)] == [1, 2, 3, 4]
    for foreign in ("urn:civitas:loa:0", "urn:civitas:loa:5", "", "2", "urn:civitas:loa:02"):
        assert level_of_acr(foreign) is None


def test_a_level_outside_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="organisation: level 5"):
        level("password", organisation=5)
    with pytest.raises(ValueError, match="level 7"):
        acr_of(7)


@pytest.mark.row("assurance", "AU-5")
def test_a_model_number_without_trusted_attestation_proves_nothing() -> None:
    listed = PasskeyEvidence(True, False, "packed", attestation_trusted=False, allow_listed=True)
    assert authenticator_of_passkey(listed) == "passkey-bound-verified"
    proven = PasskeyEvidence(True, False, "packed", attestation_trusted=True, allow_listed=True)
    assert authenticator_of_passkey(proven) == "fido2-attested-verified"
