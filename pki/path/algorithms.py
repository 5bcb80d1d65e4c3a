"""Which signatures count, told to the library — RFC 5280 §6.1.3 (a)(1), RFC 8603, RFC 9881."""

from __future__ import annotations

from datetime import datetime

from asn1crypto import algos, keys
from pyhanko_certvalidator.policy_decl import AlgorithmUsageConstraint, AlgorithmUsagePolicy

from pki.path.rules import Algorithms


class Allowed(AlgorithmUsagePolicy):
    """What `Algorithms` names, and nothing else: an algorithm of tomorrow is refused today."""

    def __init__(self, algorithms: Algorithms) -> None:
        self._algorithms = algorithms

    def digest_algorithm_allowed(
        self, algo: algos.DigestAlgorithm, moment: datetime | None
    ) -> AlgorithmUsageConstraint:
        return AlgorithmUsageConstraint(algo["algorithm"].native in self._algorithms.hashes)

    def signature_algorithm_allowed(
        self,
        algo: algos.SignedDigestAlgorithm,
        moment: datetime | None,
        public_key: keys.PublicKeyInfo | None,
    ) -> AlgorithmUsageConstraint:
        try:
            name = algo.signature_algo
        except ValueError:
            name = algo["algorithm"].native
        if name not in self._algorithms.signatures:
            return AlgorithmUsageConstraint(False, failure_reason=f"{name} does not count")
        try:
            hashed = algo.hash_algo
        except ValueError:
            hashed = None  # the algorithm brings its own
        if hashed is not None and name != "ed25519" and hashed not in self._algorithms.hashes:
            return AlgorithmUsageConstraint(False, failure_reason=f"{hashed} does not count")
        if name.startswith(("rsa", "dsa")) and public_key is not None:
            bits = public_key.bit_size
            if bits < self._algorithms.least_bits:
                return AlgorithmUsageConstraint(False, failure_reason=f"{bits} bits are too few")
        return AlgorithmUsageConstraint(True)
