"""NIST PKITS: every test of its sections 4.1 to 4.16, through the interface of our own endpoints.

The certificates and lists come from PyPI's `cryptography_vectors`; the verdicts are written in
`verdicts.toml`. All certificates and lists are at hand for every test, as in the suite's directory.
What differs from a client's certificate at our endpoints is said by explicit rules: PKITS knows no
extended key usage, lets authorities be end entities, and brings lists instead of a record.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import cryptography_vectors
import pytest

from pki.path import OURS, Algorithms, PathRefused, Rules, trust_in
from pki.path.trust import Trust

pytestmark = pytest.mark.rfc("5280", "6.1")

DATA = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data"
VERDICTS = Path(__file__).parent / "verdicts.toml"
NOW = datetime(2020, 1, 1, tzinfo=UTC)
TEST_POLICY = "2.16.840.1.101.3.2.1.48"
AS_PKITS = Rules(extended_key_usage=None, key_usage=None, may_be_authority=True)
# 4.1.4 to 4.1.6 are about DSA with SHA-1, which our own endpoints refuse whatever it says.
WITH_DSA = Algorithms(OURS.signatures | {"dsa"}, OURS.hashes | {"sha1"}, 1024)

# The library does not inherit DSA parameters where a list is verified. Refusing is the safe side,
# and no endpoint of ours accepts DSA; should the verdict change, this table wants to know.
EXCLUDED = {"4.1.5": "revocation_unknown"}
# Why the tests of a section are refused: the right verdict for a wrong reason proves nothing.
REASONS = {
    "4.1": {"signature"},
    "4.2": {"expired", "not_yet_valid", "issuer_expired"},
    "4.3": {"no_path"},
    "4.4": {"revoked", "issuer_revoked", "revocation_unknown"},
    "4.5": {"revoked", "not_an_authority"},
    "4.6": {"not_an_authority", "path_length"},
    # 4.7.4 and 4.7.5: the key may not sign lists, so that the status stays unknown.
    "4.7": {"not_an_authority", "revocation_unknown"},
    "4.8": {"policy"},
    "4.9": {"policy"},
    "4.10": {"policy"},
    "4.11": {"policy"},
    "4.12": {"policy"},
    "4.13": {"name_constraints"},
    "4.14": {"revoked", "revocation_unknown"},
    "4.15": {"revoked", "revocation_unknown"},
    "4.16": {"critical_extension"},
}


@dataclass(frozen=True)
class Case:
    test: str
    certificate: str
    valid: bool
    rules: Rules

    def __str__(self) -> str:
        return f"{self.test}-{self.certificate}"


def number(section: str, name: str) -> str:
    found = re.search(r"Test(\d+)$", name)
    assert found
    return f"{section}.{found[1]}"


def cases() -> Iterator[Case]:
    written = tomllib.loads(VERDICTS.read_text("utf-8"))
    for subtest in written.pop("with"):
        policies = frozenset(f"{TEST_POLICY}.{n}" for n in subtest.pop("policies", ()))
        test, name, valid = (subtest.pop(key) for key in ("test", "certificate", "valid"))
        rules = replace(AS_PKITS, **subtest)
        yield Case(test, name, valid, replace(rules, policies=policies) if policies else rules)
    for section, verdicts in written.items():
        rules = replace(AS_PKITS, algorithms=WITH_DSA if section == "4.1" else OURS)
        for name in verdicts["valid"]:
            yield Case(number(section, name), name, True, rules)
        for name in verdicts["invalid"]:
            yield Case(number(section, name), name, False, rules)


CASES = sorted(cases(), key=lambda case: [int(part) for part in case.test.split(".")])


@pytest.fixture(scope="module")
def directory() -> Trust:
    anchor = (DATA / "certs" / "TrustAnchorRootCertificate.crt").read_bytes()
    return trust_in(
        [anchor],
        [path.read_bytes() for path in sorted(DATA.glob("certs/*.crt")) if "EE" not in path.stem],
        [path.read_bytes() for path in sorted(DATA.glob("crls/*.crl"))],
    )


def end_entity(name: str) -> bytes:
    return (DATA / "certs" / f"{name}EE.crt").read_bytes()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_verdict_is_that_of_pkits(case: Case, directory: Trust) -> None:
    if case.valid and case.test not in EXCLUDED:
        directory.validate(end_entity(case.certificate), case.rules, NOW)
        return
    with pytest.raises(PathRefused) as caught:
        directory.validate(end_entity(case.certificate), case.rules, NOW)
    if case.valid:
        assert caught.value.reason == EXCLUDED[case.test]
    else:
        assert caught.value.reason in REASONS[case.test.rpartition(".")[0]], caught.value


def test_what_is_excluded_is_valid_in_pkits() -> None:
    assert {case.test for case in CASES if case.valid} >= set(EXCLUDED)


@pytest.mark.parametrize("case", [c for c in CASES if "DSA" in c.certificate], ids=str)
def test_our_own_endpoints_refuse_dsa_and_sha1(case: Case, directory: Trust) -> None:
    with pytest.raises(PathRefused) as caught:
        directory.validate(end_entity(case.certificate), replace(case.rules, algorithms=OURS), NOW)
    assert caught.value.reason == "algorithm"


def test_a_client_of_ours_must_say_what_pkits_does_not(directory: Trust) -> None:
    for rules, reason in (
        (Rules("1.3.6.1.5.5.7.3.2"), "wrong_extended_key_usage"),
        (replace(AS_PKITS, key_usage="key_agreement"), "wrong_key_usage"),
    ):
        with pytest.raises(PathRefused) as caught:
            directory.validate(end_entity("ValidCertificatePathTest1"), rules, NOW)
        assert caught.value.reason == reason


def test_the_policies_of_a_valid_path_are_told(directory: Trust) -> None:
    rules = replace(AS_PKITS, explicit_policy=True)
    path = directory.validate(end_entity("ValidCertificatePathTest1"), rules, NOW)
    assert path.policies == {f"{TEST_POLICY}.1"}
    assert len(path.certificates) == 3
    assert path.not_before <= NOW <= path.not_after


def test_every_test_of_the_suite_is_there() -> None:
    known = {case.test for case in CASES}
    many = (6, 8, 11, 21, 8, 17, 5, 20, 8, 14, 11, 10, 38, 35, 10, 2)
    expected = {f"4.{s}.{n}" for s, last in enumerate(many, 1) for n in range(1, last + 1)}
    assert known == expected
    assert {case.certificate for case in CASES} == {
        path.stem.removesuffix("EE") for path in DATA.glob("certs/*EE.crt")
    }
