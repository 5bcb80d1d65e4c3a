"""Validation of paths towards given anchors — RFC 5280 §6.1, §6.3, by `pyhanko-certvalidator`.

The library walks one path at a time; which paths, within which bounds, and what the last
certificate must be good for is ours. It is never given a fetcher: nothing here reaches a network.
"""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, TypeVar

from asn1crypto import crl, x509
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo, ValidationTimingParams
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    PKIXValidationParams,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)
from pyhanko_certvalidator.registry import CertificateRegistry, SimpleTrustManager
from pyhanko_certvalidator.validate import async_validate_path

from pki.path import end_entity, failures, subtrees
from pki.path.algorithms import Allowed
from pki.path.building import Builder
from pki.path.neighbourhood import Neighbourhood
from pki.path.rules import ANY_POLICY, LARGEST, PathRefused, Rules, ValidPath

# What it has to say reaches the caller as a reason.
logging.getLogger("pyhanko_certvalidator").setLevel(logging.ERROR)
subtrees.teach()
T = TypeVar("T")
_LISTS = RevocationCheckingPolicy(
    RevocationCheckingRule.CRL_REQUIRED, RevocationCheckingRule.CRL_REQUIRED
)
_ELSEWHERE = RevocationCheckingPolicy(
    RevocationCheckingRule.NO_CHECK, RevocationCheckingRule.NO_CHECK
)


class Trust:
    """Anchors, intermediates and revocation lists, parsed once. Raises PathRefused for others."""

    def __init__(
        self,
        anchors: Sequence[bytes],
        intermediates: Sequence[bytes],
        revocation_lists: Sequence[bytes],
    ) -> None:
        with failures.malformed():
            self._anchors = [_certificate(der) for der in anchors]
            self._intermediates = [_certificate(der) for der in intermediates]
            self._lists = [crl.CertificateList.load(der, strict=True) for der in revocation_lists]
            self._builder = Builder(self._anchors, self._intermediates)
            self._near = Neighbourhood([*self._anchors, *self._intermediates], self._lists)
        # asn1crypto parses what it holds at the first look, which two threads must not share.
        self._lock = Lock()

    def validate(self, der: bytes, rules: Rules, now: datetime) -> ValidPath:
        """The first path that holds at `now`. Raises PathRefused, with the most telling reason."""
        with self._lock, failures.malformed():
            leaf = _certificate(der)
            refused = []
            for path in self._builder.paths(leaf):
                try:
                    return self._walk(path, rules, now)
                except PathRefused as refusal:
                    refused.append(refusal)
        raise failures.most_telling(refused)

    def _walk(
        self, certificates: tuple[x509.Certificate, ...], rules: Rules, now: datetime
    ) -> ValidPath:
        anchor, *between, leaf = certificates
        if not anchor.not_valid_before <= now <= anchor.not_valid_after:
            raise PathRefused("issuer_expired", "the anchor is out of its time")
        manager = SimpleTrustManager.build([anchor])
        authorities, lists = (
            self._near.of(certificates) if rules.revocation == "lists" else ([], [])
        )
        context = ValidationContext(
            trust_manager=manager,
            certificate_registry=CertificateRegistry.build(authorities),
            moment=now,
            crls=lists,
            revinfo_policy=CertRevTrustPolicy(
                _LISTS if rules.revocation == "lists" else _ELSEWHERE
            ),
            algorithm_usage_policy=Allowed(rules.algorithms),
            time_tolerance=timedelta(0),
        )
        # Who stands on a list is revoked, whatever the date beside it says (§6.3.3 (i), (j)).
        context.timing_params = ValidationTimingParams(
            ValidationTimingInfo(now, now, point_in_time_validation=False), timedelta(0)
        )
        issued_by = next(manager.find_potential_issuers(certificates[1]), None)
        if issued_by is None:
            raise PathRefused("signature", "the anchor's key is not the one that was named")
        path = ValidationPath(issued_by, between, leaf)
        with failures.named(leaf):
            _at_once(async_validate_path(context, path, _parameters(rules)))
        end_entity.check(leaf, rules)
        return ValidPath(
            tuple(c.dump() for c in certificates),
            max(c.not_valid_before for c in certificates),
            min(c.not_valid_after for c in certificates),
            frozenset(
                ANY_POLICY if q.user_domain_policy_id == "any_policy" else q.user_domain_policy_id
                for q in path.qualified_policies() or ()
            ),
        )


def _certificate(der: bytes) -> x509.Certificate:
    if len(der) > LARGEST:
        raise PathRefused("malformed", f"a certificate of more than {LARGEST} octets")
    certificate = x509.Certificate.load(der, strict=True)
    # asn1crypto would write some bit strings anew, and otherwise (those of §4.1.2.8): what was
    # signed are the octets that came.
    signed = certificate["tbs_certificate"]
    octets = signed.dump()
    if octets not in der:
        raise PathRefused("malformed", "the signed part is not as it came")
    signed.dump = lambda force=False: octets
    certificate.dump = lambda force=False: der
    return certificate


def _parameters(rules: Rules) -> PKIXValidationParams:
    policies = {"any_policy" if p == ANY_POLICY else p for p in rules.policies}
    return PKIXValidationParams(
        user_initial_policy_set=frozenset(policies),
        initial_explicit_policy=rules.explicit_policy,
        initial_policy_mapping_inhibit=rules.inhibit_policy_mapping,
        initial_any_policy_inhibit=rules.inhibit_any_policy,
    )


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """Runs what has nothing to wait for, without an event loop; waiting would be a defect."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("a path was about to wait for something that was not handed in")
