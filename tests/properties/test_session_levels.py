"""What must hold of a session's level, whatever was used — ISO/IEC 29115:2013 §8.4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.levels import (
    PasskeyEvidence,
    Proofing,
    Used,
    authentication_level,
    authenticator_of_passkey,
    level_of_session,
)
from policies.loading import packaged

TABLES = packaged()
EVIDENCE = st.builds(
    PasskeyEvidence,
    user_verified=st.booleans(),
    backup_eligible=st.booleans(),
    format=st.sampled_from(["none", "packed", "tpm", "android-key"]),
    attestation_trusted=st.booleans(),
    allow_listed=st.booleans(),
)
USED = st.builds(
    Used, st.sampled_from(sorted(TABLES.ceilings)), managed=st.integers(min_value=1, max_value=4)
)
LEVEL = st.integers(min_value=0, max_value=4)
PROOFING = st.builds(Proofing, LEVEL, st.booleans())


def _with_anything(evidence: PasskeyEvidence, others: list[str]) -> int:
    used = [Used(authenticator_of_passkey(evidence)), *(Used(o) for o in others)]
    return authentication_level(used, TABLES.ceilings)


WEAK = st.lists(st.sampled_from(["password", "totp", "sms", "recovery-code"]), max_size=3)


@given(EVIDENCE, WEAK)
def test_a_passkey_that_may_be_backed_up_is_never_above_3(
    evidence: PasskeyEvidence, others: list[str]
) -> None:
    if evidence.backup_eligible:
        assert _with_anything(evidence, others) <= 3


@pytest.mark.row("assurance", "AU-11")
@given(EVIDENCE)
def test_no_user_verification_alone_is_never_above_2(evidence: PasskeyEvidence) -> None:
    if not evidence.user_verified:
        assert _with_anything(evidence, []) <= 2


@given(EVIDENCE, WEAK)
def test_a_passkey_without_attestation_is_never_above_3(
    evidence: PasskeyEvidence, others: list[str]
) -> None:
    if evidence.format == "none" or not evidence.attestation_trusted or not evidence.allow_listed:
        assert _with_anything(evidence, others) <= 3


@given(PROOFING, st.lists(USED, max_size=4), LEVEL, st.none() | LEVEL)
def test_a_session_is_never_above_any_part_and_equals_one(
    proofing: Proofing, used: list[Used], organisation: int, upstream: int | None
) -> None:
    reached = level_of_session(
        proofing,
        used,
        organisation,
        upstream,
        ceilings=TABLES.ceilings,
        levels=TABLES.levels,
    )
    remote = 4 if proofing.in_person else 3
    parts = [proofing.level, remote, authentication_level(used, TABLES.ceilings), organisation]
    parts += [] if upstream is None else [upstream]
    assert reached.level == min(parts)
    assert reached.bounded_by


@given(st.lists(USED, max_size=4), USED)
def test_one_more_authenticator_never_lowers_the_level(used: list[Used], more: Used) -> None:
    before = authentication_level(used, TABLES.ceilings)
    assert authentication_level([*used, more], TABLES.ceilings) >= before
