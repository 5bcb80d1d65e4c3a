"""A deployment and the configurations of the conformance suite's plans for issuers and verifiers of
credentials (OpenID4VCI, OpenID4VP, HAIP).

    python scripts/conformance_wallets.py FOLDER --suite https://localhost:8443 --ca SUITE-CA.pem

As `conformance.py`, which it stands on. The suite plays a wallet of ours, which takes a person's
identity by the authorization code.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from civitas.tour.deployments import Deployed, free_port
from civitas.tour.world import World
from scripts.conformance import over_tls, resident, trusted, walks, write

ALIAS = "carry"
CREDENTIAL = "credential.identity"
_BY_KEY = {
    "client_auth_type": "private_key_jwt",
    "sender_constrain": "dpop",
    "fapi_request_method": "unsigned",
    "fapi_response_mode": "plain_response",
    "openid": "plain_oauth",
    "credential_format": "sd_jwt_vc",
    "vci_grant_type": "authorization_code",
    "vci_authorization_code_flow_variant": "wallet_initiated",
}
ISSUER = "oid4vci-1_0-issuer-test-plan"
PLANS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "issuer": (
        ISSUER,
        {
            **_BY_KEY,
            "fapi_profile": "vci",
            "authorization_request_type": "simple",
            "vci_credential_encryption": "plain",
        },
    ),
    "issuer-rar": (
        ISSUER,
        {
            **_BY_KEY,
            "fapi_profile": "vci",
            "authorization_request_type": "rar",
            "vci_credential_encryption": "plain",
        },
    ),
    "issuer-encrypted": (
        ISSUER,
        {
            **_BY_KEY,
            "fapi_profile": "vci",
            "authorization_request_type": "simple",
            "vci_credential_encryption": "encrypted",
        },
    ),
    "issuer-haip": (
        ISSUER,
        {
            **_BY_KEY,
            "fapi_profile": "vci_haip",
            "authorization_request_type": "simple",
            "vci_credential_encryption": "plain",
        },
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--suite", default="https://localhost:8443")
    parser.add_argument("--ca", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder: Path = given.folder.resolve()
    folder.mkdir(parents=True)
    url = f"https://localhost:{given.port or free_port()}"
    ca = trusted(folder, given.ca)
    os.environ["SSL_CERT_FILE"] = str(ca)
    server = Deployed("conformance", folder, url, url)
    server.civitas("init", "--development", "--url", url, "--city", "Tallinn", "--country", "EE")
    over_tls(server)
    suite = given.suite.rstrip("/")
    clients = [wallet(server, suite, name) for name in ("client", "client2")]
    server.start()
    try:
        resident(server)
        root = root_of(url, ca)
        for name in PLANS:
            write(folder, name, configuration(url, suite, name, clients, root))
        print(f"{url} is served. In the folder of the suite, with CONFORMANCE_SERVER={suite}/ and")
        print("CONFORMANCE_DEV_MODE=1, and the pages driven by the configurations themselves:\n")
        for name, (plan, variants) in PLANS.items():
            said = "".join(f"[{one}={value}]" for one, value in variants.items())
            print(f"  scripts/run-test-plan.py '{plan}{said}' {folder / 'plans' / name}.json")
        sys.stdout.flush()
        assert server.process is not None
        server.process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


def wallet(server: Deployed, suite: str, name: str) -> dict[str, Any]:
    """A wallet that the suite plays: it proves itself by its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    file = server.folder / f"{name}.jwks"
    file.write_text(json.dumps({"keys": [_jwk(key, name)]}), encoding="utf-8")
    back = f"{suite}/test/a/{ALIAS}/callback"
    added: dict[str, Any] = World.run_json(
        server, "clients", "add", "--name", f"Suite {name}",
        "--redirect", back + ("?dummy1=lorem&dummy2=ipsum" if name == "client2" else ""),
        "--scope", "offline_access", "--purpose", "wallet", "--method", "private_key_jwt",
        "--jwks", str(file), "--grant", "authorization_code", "--grant", "refresh_token",
        "--set", "authorization_details_types=openid_credential",
        "--set", "dpop_bound_access_tokens=yes",
    )  # fmt: skip
    return {
        "client_id": added["client_id"],
        "scope": CREDENTIAL,
        "jwks": {"keys": [_jwk(key, name, private=True)]},
        "dpop_signing_alg": "ES256",
    }


def _jwk(key: ec.EllipticCurvePrivateKey, kid: str, *, private: bool = False) -> dict[str, Any]:
    whole = key if private else key.public_key()
    said: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(whole, as_dict=True)
    return {**said, "kid": kid, "alg": "ES256", "use": "sig"}


def root_of(url: str, ca: Path) -> str:
    """Our root, as the suite trusts it: the first of our authorities."""
    with urllib.request.urlopen(
        f"{url}/pki/ca.pem", context=ssl.create_default_context(cafile=str(ca))
    ) as answer:
        pem = answer.read().decode()
    found = re.search(r"-----BEGIN.*?END CERTIFICATE-----\n", pem, re.DOTALL)
    assert found is not None
    return found[0]


def configuration(
    url: str, suite: str, plan: str, clients: list[dict[str, Any]], root: str
) -> dict[str, Any]:
    """What the suite is told, with how its browser walks our pages."""
    return {
        "alias": ALIAS,
        "description": f"Civitas, {plan}",
        "vci": {"credential_issuer_url": url, "credential_configuration_id": CREDENTIAL},
        "client": clients[0],
        "client2": clients[1],
        "credential": {"trust_anchor_pem": root, "status_list_trust_anchor_pem": root},
        "options": {"browsercontrol_css_enable": False},
        "browser": walks(url, suite),
    }


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as error:
        raise SystemExit(str(error)) from error
