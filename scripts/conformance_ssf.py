"""What the Shared Signals plans of the conformance suite need beside `conformance.py`: a client
with streams of its own."""

from __future__ import annotations

from typing import Any

from scripts.conformance_fapi import Register

_PLAN = "openid-ssf-transmitter-test-plan"
_SAID = {
    "client_registration": "static_client",
    "server_metadata": "discovery",
    "client_auth_type": "client_secret_post",
    "ssf_server_metadata": "discovery",
    "ssf_auth_mode": "dynamic",
    "ssf_profile": "default",
}
SIGNALS = ("ssf-push", "ssf-poll")
SCOPE = "ssf.read ssf.manage"


def signals_line(name: str) -> str:
    """What the suite's runner calls this plan."""
    said = {**_SAID, "ssf_delivery_mode": name.partition("-")[2]}
    return _PLAN + "".join(f"[{variant}={value}]" for variant, value in said.items())


def receiving(name: str, url: str, register: Register) -> dict[str, Any]:
    """One client, and where it finds us."""
    added = register(
        "--name", f"Suite {name}", "--scope", SCOPE, "--grant", "client_credentials",
        "--method", "client_secret_post",
    )  # fmt: skip
    subject = {"format": "iss_sub", "iss": url, "sub": "nobody"}
    return {
        "client": {
            "client_id": added["client_id"],
            "client_secret": added["client_secret"],
            "scope": SCOPE,
        },
        "ssf": {
            "subjects": {"valid": subject, "invalid": subject},
            "transmitter": {"issuer": url, "push_endpoint_authorization_header": "Bearer of-us"},
        },
    }
