"""`make bench`: measure, print a table, write benchmarks/results/<time>.json."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from benchmarks import bare, product, report, servers
from benchmarks.load import Request, form, run
from benchmarks.report import Figure, Start
from benchmarks.servers import Measured, started
from civitas.tour.deployments import free_port

RESULTS = Path(__file__).parent / "results"
CLIENT = {"client_id": bare.CLIENT, "client_secret": bare.SECRET}


def measure(what: str, name: str, server: Measured, requests: list[Request], n: int) -> Figure:
    """Warm up with a tenth of the requests, then measure all of them, `n` at a time."""
    run(server.port, n, requests[: max(1, len(requests) // 10)])
    before = server.processor_seconds
    load = run(server.port, n, requests)
    return report.figure(what, name, load, server.processor_seconds - before)


def csr() -> str:
    """A P-256 certification request, PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
    return made.public_bytes(Encoding.PEM).decode()


def measure_bare(folder: Path, url: str, requests: int) -> tuple[list[Figure], Start]:
    port = free_port()
    with started(servers.bare(port, url), port, folder / "bare.log") as server:
        start = Start.of("bare", server)
        grant = form("/token", {"grant_type": "client_credentials", **CLIENT})
        token = json.loads(_once(server, grant))["access_token"]
        credentials = {"name": bare.CLIENT, "password": bare.PASSWORD}
        kinds = {
            "client-credential grants": [grant] * requests,
            "introspections": [form("/introspect", {"token": token, **CLIENT})] * requests,
            "certificates": [form("/certificate", {"csr": csr()})] * (requests // 2),
            "password sign-ins": [form("/sign-in", credentials, 303)] * (requests // 20),
        }
        return [measure(what, "bare", server, sent, 8) for what, sent in kinds.items()], start


def measure_peer(folder: Path, requests: int) -> tuple[list[Figure], Start]:
    port = free_port()
    command = servers.peer(port)
    with started(command, port, folder / "peer.log") as server:
        grant = form("/token", {"grant_type": "client_credentials", **CLIENT})
        figures = [
            measure("client-credential grants", "oidc-provider", server, [grant] * requests, 8)
        ]
        return figures, Start.of("oidc-provider", server)


def measure_civitas(
    folder: Path, database: str | None, requests: int
) -> tuple[list[Figure], Start]:
    with product.running(folder, database) as (ours, server):
        start = Start.of("civitas", server)
        grant = ours.grant()
        token = json.loads(_once(server, grant))["access_token"]
        kinds = {
            "client-credential grants": [grant] * requests,
            "introspections": [ours.introspection(token)] * requests,
        }
        return [measure(what, "civitas", server, sent, 8) for what, sent in kinds.items()], start


def _once(server: Measured, request: Request) -> bytes:
    import httpx

    answer = httpx.request(
        request.method,
        f"http://127.0.0.1:{server.port}{request.path}",
        content=request.body,
        headers=dict(request.headers or {}),
    )
    return answer.content


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--requests", type=int, default=4000, help="of each cheap kind")
    parser.add_argument("--database", help="an empty PostgreSQL database; SQLite if absent")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="civitas-bench-") as name:
        folder = Path(name)
        url = chosen.database or f"sqlite:///{folder}/bare.db"
        peers, peer_start = measure_peer(folder, chosen.requests)
        bares, bare_start = measure_bare(folder, url, chosen.requests)
        ours, our_start = measure_civitas(folder, chosen.database, chosen.requests)
    yardsticks = [("bare", 0.5 if chosen.database else 0.6), ("oidc-provider", 0.6)]
    figures = report.beside([*bares, *peers, *ours], yardsticks)
    starts = [our_start, bare_start, peer_start]
    report.show(figures, starts)
    about = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "database": "postgresql" if chosen.database else "sqlite",
    }
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(report.document(figures, starts, about), indent=2) + "\n")
    print(f"written to {file.relative_to(servers.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
