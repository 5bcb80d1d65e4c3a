"""Revocation beside its bare equivalents, in one process: `python -m benchmarks.revocation`.

- a partition's list of 100,000 entries, its delta and two durable writes included, beside
  `cryptography`'s builder with the same entries and one signature;
- answers of the responder, each with its look at the record, beside a parsed request, one read and
  a signature with `cryptography`'s builder;
- the revocation of one certificate among 10,000 and among 1,000,000.

Rows are copied by SQL, so that a million stand in seconds. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from sqlalchemy import text

from foundation.clock import SystemClock
from foundation.master_key import MasterKey
from foundation.runtime import Runtime
from foundation.settings import Settings

COPY = text(
    "INSERT INTO pki_certificates (serial, state, authority_kid, partition, profile, holder,"
    " reference, public_key, not_before, not_after, recorded_at, issued_at, certificate,"
    " thumbprint)"
    " WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
    " SELECT printf('7%031x', i * 2654435761), state, authority_kid, i % :partitions, profile,"
    " 'bulk', 'bulk:' || i, public_key, not_before, not_after, recorded_at, issued_at,"
    " x'00', thumbprint FROM n, pki_certificates WHERE serial = :model"
)
REVOKE = text(
    "UPDATE pki_certificates SET revoked_at = :at, status_changed_at = :at,"
    " revocation_reason = 'superseded' WHERE serial IN"
    " (SELECT serial FROM pki_certificates WHERE holder = 'bulk' AND revoked_at IS NULL"
    " AND partition = 0 LIMIT :many)"
)


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """The median of several runs."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken)


class Subject:
    """A city with its authorities and one certificate, from which the others are copied."""

    def __init__(self, folder: Path, partitions: int) -> None:
        from pki import PkiSettings
        from tests.support import deployments  # the same runtime as the tests have
        from tests.support.devices import found_city
        from tests.support.status import issue

        settings: Settings = deployments.settings_in(folder, PkiSettings(crl_partitions=partitions))
        MasterKey.create(folder / "master.key")
        self.runtime: Runtime = deployments.build_runtime(settings, SystemClock())
        self.city = found_city(self.runtime)
        self.ca = self.city.authority
        self.partitions = partitions
        self.model = issue(self.city, "model")
        self.issuer = self.ca.hierarchy.signing("devices")[0]
        self.rows = 0

    def copy(self, up_to: int) -> None:
        with self.runtime.database.write() as uow:
            uow.execute(
                COPY,
                {"first": self.rows + 1, "last": up_to, "partitions": self.partitions,
                 "model": f"{self.model.serial_number:x}"},
            )  # fmt: skip
        self.rows = up_to

    def serials(self, many: int) -> list[str]:
        with self.runtime.database.read() as uow:
            rows = uow.all(
                text(
                    "SELECT serial FROM pki_certificates WHERE holder = 'bulk'"
                    f" AND revoked_at IS NULL LIMIT {many}"
                )
            )
        return [row.serial for row in rows]


def lists(entries: int) -> dict[str, float]:
    from pki.status import store

    with tempfile.TemporaryDirectory() as folder:
        subject = Subject(Path(folder), 1)
        subject.copy(entries)
        # Revoked over the past: a delta tells of the last day only.
        at = store.microseconds(subject.city.now - timedelta(days=30))
        with subject.runtime.database.write() as uow:
            uow.execute(REVOKE, {"at": at, "many": entries})
        key = subject.ca.hierarchy.private_key(subject.issuer)

        def ours() -> None:
            subject.ca.lists._make(subject.issuer, 0, subject.city.now)

        found = x509.load_der_x509_crl(
            subject.ca.lists.part("devices-1", 0, "complete", subject.city.now).der
        )
        assert len(found) == entries
        named = [(e.serial_number, e.revocation_date_utc) for e in found]

        def bare() -> None:
            builder = (
                x509.CertificateRevocationListBuilder()
                .issuer_name(subject.issuer.certificate.subject)
                .last_update(subject.city.now)
                .next_update(subject.city.now + timedelta(days=1))
            )
            reason = x509.CRLReason(x509.ReasonFlags.superseded)
            made = [
                x509.RevokedCertificateBuilder()
                .serial_number(serial)
                .revocation_date(at)
                .add_extension(reason, critical=False)
                .build()
                for serial, at in named
            ]
            builder._revoked_certificates = made
            builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)

        result = {"entries": entries, "ours_s": seconds(ours), "bare_s": seconds(bare)}
        subject.runtime.close()
    return {**result, "times_bare": result["ours_s"] / result["bare_s"]}


def responses(many: int) -> dict[str, float]:
    from pki.status import store

    with tempfile.TemporaryDirectory() as folder:
        subject = Subject(Path(folder), 32)
        authority, issuer = subject.ca, subject.issuer.certificate
        body = (
            ocsp.OCSPRequestBuilder()
            .add_certificate(subject.model, issuer, hashes.SHA1())
            .build()
            .public_bytes(Encoding.DER)
        )
        fresh = (
            ocsp.OCSPRequestBuilder()
            .add_certificate(subject.model, issuer, hashes.SHA1())
            .add_extension(x509.OCSPNonce(b"n" * 32), critical=False)
            .build()
            .public_bytes(Encoding.DER)
        )
        responder = authority.responders.standing(subject.issuer, subject.city.now)
        certificate = x509.load_der_x509_certificate(responder.certificate)

        def bare() -> None:
            asked = ocsp.load_der_ocsp_request(body)
            with subject.runtime.database.read() as uow:
                assert store.status(uow, f"{asked.serial_number:x}") is not None
            now = subject.city.now
            ocsp.OCSPResponseBuilder().add_response(
                subject.model, issuer, hashes.SHA1(), ocsp.OCSPCertStatus.GOOD,
                now, now + timedelta(hours=1), None, None,
            ).responder_id(ocsp.OCSPResponderEncoding.HASH, certificate).certificates(
                [certificate]
            ).sign(responder.private_key, hashes.SHA256()).public_bytes(Encoding.DER)  # fmt: skip

        def rate(work: Callable[[], object]) -> float:
            def several() -> None:
                for _ in range(many):
                    work()

            return many / seconds(several)

        result = {
            "kept_per_s": rate(lambda: authority.responding.answer(body, subject.city.now)),
            "nonce_per_s": rate(lambda: authority.responding.answer(fresh, subject.city.now)),
            "bare_per_s": rate(bare),
        }
        subject.runtime.close()
    return {
        **result,
        "kept_of_bare": result["kept_per_s"] / result["bare_per_s"],
        "nonce_of_bare": result["nonce_per_s"] / result["bare_per_s"],
    }


def acts(sizes: Sequence[int], many: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        subject = Subject(Path(folder), 32)
        for size in sizes:
            subject.copy(size)
            taken = []
            for serial in subject.serials(many):
                began = time.perf_counter()
                with subject.runtime.database.write() as uow:
                    assert subject.ca.revoke(uow, serial, "superseded", subject.city.now)
                taken.append(time.perf_counter() - began)
            result[f"among_{size}_ms"] = 1000 * median(taken)
        subject.runtime.close()
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 1_000_000])
    chosen = parser.parse_args(arguments)
    found = {
        "list": lists(chosen.entries),
        "ocsp": responses(2000),
        "revocation": acts(chosen.sizes, 200),
    }
    json.dump(found, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
