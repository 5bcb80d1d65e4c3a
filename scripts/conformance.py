"""A deployment and the configurations of the OpenID Foundation's conformance suite for it.

    python scripts/conformance.py FOLDER --suite https://localhost:8443 --ca SUITE-CA.pem

Makes a fresh provider in FOLDER with TLS, one resident, and clients that the suite knows; writes
one configuration a plan to FOLDER/plans, says how the suite's own `run-test-plan.py` runs them,
and serves until it is stopped. The suite itself (its Java, its database, its TLS front) is
somebody else's and is brought by whoever runs it. `--ca`: the authority of its certificate, which
we have to trust to tell it of sign-outs and to fetch its keys.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import ssl
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from civitas.residents import as_json, residents
from civitas.tour.browser import Browser
from civitas.tour.deployments import Deployed, free_port
from civitas.tour.steps.activation import set_up
from civitas.tour.steps.enrolment import an_adult_of, proof_and_write
from civitas.tour.world import PASSWORD, World
from scripts.conformance_ciba import MODES, Resident, asking, line
from scripts.conformance_fapi import COMES_TWICE, FAPI_PLANS, REJECTS, Register, configured
from scripts.conformance_ssf import SIGNALS, receiving, signals_line

ALIAS = "civitas"
NAME = "leida"
SCOPE = "openid profile email address phone offline_access"
PURPOSE = "city"
STATIC = ("client", "client2", "client_secret_post")
SWITCHED = {
    "back-channel": (
        "backchannel_logout_uri={base}/backchannel_logout",
        "backchannel_logout_session_required=yes",
    ),
    "front-channel": (
        "frontchannel_logout_uri={base}/frontchannel_logout",
        "frontchannel_logout_session_required=yes",
    ),
    "session": ("session_management=yes",),
}
PLANS = {
    "config": "oidcc-config-certification-test-plan",
    "basic": "oidcc-basic-certification-test-plan"
    "[server_metadata=discovery][client_registration=static_client]",
    "formpost": "oidcc-formpost-basic-certification-test-plan"
    "[server_metadata=discovery][client_registration=static_client]",
    "rp-initiated": "oidcc-rp-initiated-logout-certification-test-plan"
    "[client_registration=static_client][response_type=code]",
    "back-channel": "oidcc-backchannel-rp-initiated-logout-certification-test-plan"
    "[client_registration=static_client][response_type=code]",
    "front-channel": "oidcc-frontchannel-rp-initiated-logout-certification-test-plan"
    "[client_registration=static_client][response_type=code]",
    "session": "oidcc-session-management-certification-test-plan"
    "[client_registration=static_client][response_type=code]",
    "dynamic": "oidcc-dynamic-certification-test-plan[response_type=code]",
    "third-party": "oidcc-3rdparty-init-login-certification-test-plan[response_type=code]",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--suite", default="https://localhost:8443")
    parser.add_argument("--ca", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], help="these plans alone")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder: Path = given.folder.resolve()
    folder.mkdir(parents=True)
    url = f"https://localhost:{given.port or free_port()}"
    os.environ["SSL_CERT_FILE"] = str(trusted(folder, given.ca))
    server = Deployed("conformance", folder, url, url)
    server.civitas("init", "--development", "--url", url, "--city", "Tallinn", "--country", "EE")
    over_tls(server)
    suite = given.suite.rstrip("/")
    lines = {**PLANS, **{name: plan.line for name, plan in FAPI_PLANS.items()}}
    lines |= {name: line(name) for name in MODES}
    lines |= {name: signals_line(name) for name in SIGNALS}
    wanted = {name: lines[name] for name in given.only or lines}
    # The suite takes a sign-out that it does not expect for a failure: each plan has its clients.
    own = {name if name in SWITCHED else "basic" for name in wanted if name in PLANS}
    clients = {
        plan: {name: client(server, suite, plan, name) for name in STATIC} for plan in sorted(own)
    }
    server.start()
    try:
        at_home = Resident(url, NAME, resident(server))
        place = at_home.listens()
        for name in wanted:
            if name in FAPI_PLANS:
                told = strict(server, suite, name)
            elif name in MODES:
                told = elsewhere(server, suite, name, at_home, place)
            else:
                told = configuration(
                    server.url, suite, name, clients.get(name) or clients.get("basic", {})
                )
            if name in SIGNALS:
                told |= receiving(name, server.url, adding(server))
            write(folder, name, told)
        print(f"{url} is served. In the folder of the suite, with CONFORMANCE_SERVER={suite}/ and")
        print("CONFORMANCE_DEV_MODE=1, and the pages driven by the configurations themselves:\n")
        for name, plan in wanted.items():
            print(f"  scripts/run-test-plan.py '{plan}' {folder / 'plans' / name}.json")
        sys.stdout.flush()
        assert server.process is not None
        server.process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


def trusted(folder: Path, ca: Path) -> Path:
    """A certificate for this machine, made here; both authorities in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "tls.pem").write_bytes(pem)
    hidden = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with os.fdopen(os.open(folder / "tls.key", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(hidden)
    both = folder / "trusted.pem"
    both.write_bytes(pem + ca.read_bytes())
    ssl.create_default_context(cafile=str(both))
    return both


def over_tls(server: Deployed) -> None:
    """One listener, with TLS; what the plans need beside the defaults is switched on."""
    text = server.config.read_text(encoding="utf-8")
    listen = tomllib.loads(text)["server"]["listen"]
    text = text.replace(
        f'listen = "{listen}"',
        f'listen = ""\ntls_listen = "{listen}"\ntls_certificate = "tls.pem"\ntls_key = "tls.key"',
    )
    open_for_all = (
        "\n[clients]\ndynamic_registration = true\ninitial_access_tokens = false\n"
        "dynamic_without_pkce = true\nregistrations_per_minute = 600\n"
        f'dynamic_scope = {json.dumps(SCOPE.split())}\ndynamic_purpose = "{PURPOSE}"\n'
    )
    server.config.write_text(text + open_for_all, encoding="utf-8")


def client(server: Deployed, suite: str, plan: str, name: str) -> dict[str, str]:
    """One that the suite plays: as the basic profile has it, so without PKCE."""
    base = f"{suite}/test/a/{ALIAS}"
    switched = [f"--set={one.format(base=base)}" for one in SWITCHED.get(plan, ())]
    added: dict[str, Any] = World.run_json(
        server, "clients", "add", "--name", f"Suite {plan} {name}",
        "--redirect", f"{base}/callback", "--post-logout", f"{base}/post_logout_redirect",
        "--scope", SCOPE, "--purpose", PURPOSE, "--without-pkce", "--set=require_nonce=no",
        *switched,
        "--method", "client_secret_post" if name == "client_secret_post" else "client_secret_basic",
    )  # fmt: skip
    return {"client_id": added["client_id"], "client_secret": added["client_secret"]}


def resident(server: Deployed) -> Browser:
    """One person, proofed at the desk, with a password: the suite's browser has no passkey."""
    world = World(server.folder)
    people = list(residents(20, city="Tallinn", country="EE"))
    file = server.folder / "people.json"
    file.write_bytes(as_json(iter(people)))
    server.civitas("citizens", "import", str(file))
    someone = an_adult_of([one for one in people if one["phone_number"]], "Tallinn")
    code = proof_and_write(world.staff(server, "officer"), server, someone["civil_number"])
    browser = Browser()
    set_up(world, browser, server, code, NAME)
    return browser


def configuration(
    url: str, suite: str, plan: str, clients: dict[str, dict[str, str]]
) -> dict[str, Any]:
    """What the suite is told, with how its browser walks our pages."""
    told: dict[str, Any] = {
        "alias": ALIAS,
        "description": f"Civitas, {plan}",
        "server": {"discoveryUrl": f"{url}/.well-known/openid-configuration"},
        "browser": walks(url, suite),
        # These look at the page that shows it, and no further.
        "override": {
            f"oidcc-registration-{what}-uri": {"browser": walks(url, suite, only_look=True)}
            for what in ("logo", "policy", "tos")
        },
    }
    if plan in ("dynamic", "third-party"):
        told |= {"client": {"client_name": "Suite"}, "client2": {"client_name": "Suite, second"}}
    elif plan != "config":
        told |= clients
    return told


def adding(server: Deployed) -> Register:
    def register(*given: str) -> dict[str, Any]:
        added: dict[str, Any] = World.run_json(server, "clients", "add", *given)
        return added

    return register


def elsewhere(
    server: Deployed, suite: str, name: str, at_home: Resident, place: str
) -> dict[str, Any]:
    """A plan of FAPI-CIBA: the person answers in the portal, when the suite says so."""
    base = f"{suite}/test/a/{ALIAS}"
    made = asking(server.folder, base, name, server.url, PURPOSE, adding(server), at_home)
    for client in ("client", "client2"):
        switched = "--set=require_signed_request_object=yes"
        why = "--reason=FAPI-CIBA asks for it"
        server.civitas("clients", "change", made[client]["client_id"], switched, why)
    told = configuration(server.url, suite, name, {})
    return {**told, **made, "automated_ciba_approval_url": place}


def strict(server: Deployed, suite: str, name: str) -> dict[str, Any]:
    """A plan of FAPI 2.0: clients that keep to a profile; in one module the person says no."""
    told = configuration(server.url, suite, name, {})

    told["browser"] = usual = walks(server.url, suite, looks=False)
    callback = f"{suite}/test/a/{ALIAS}/callback"
    made = configured(server.folder, callback, name, server.url, PURPOSE, adding(server))
    made["override"][REJECTS]["browser"] = walks(server.url, suite, looks=False, answer="refuse")
    made["override"][COMES_TWICE] = {"browser": [_only_seen(server.url), *usual]}
    return {**told, **made}


def walks(
    url: str, suite: str, *, only_look: bool = False, looks: bool = True, answer: str = "accept"
) -> list[dict[str, Any]]:
    """The suite's browser on our pages. Where a module wants a picture of a page, what the page
    says stands in its log instead; with `looks`, also of a sign-in, which ends such a module."""
    look = ["wait", "xpath", "//*", 10, "Civitas", "update-image-placeholder-optional"]
    sign_in = _task(
        "Sign in",
        f"{url}/sign-in*",
        look,
        ["text", "name", "name", NAME],
        ["text", "name", "password", PASSWORD],
        ["click", "css", "form[action^='/sign-in'] button[type=submit]"],
    )
    given = [
        ["click", "css", f"fieldset label:nth-of-type({n}) input", "optional"] for n in range(1, 11)
    ]
    consent = _task(
        "Consent", f"{url}/oauth/consent*", *given, ["click", "css", f"button[value={answer}]"]
    )
    if only_look:
        consent = _task("Look", f"{url}/oauth/consent*", look)
    if only_look or not looks:
        sign_in["commands"].remove(look)
    refused = _task("Refused", f"{url}/oauth/authorize*", look)
    back = ["wait", "id", "submission_complete", 10]
    done = _task("Come back", f"{suite}/test/*/callback*", back)
    leave = _task(
        "Sign out",
        f"{url}/oauth/end-session*",
        look,
        ["click", "css", "button[value=sign-out]", "optional"],
    )
    left = _task("Signed out", f"{url}/oauth/end-session*", look)
    asked = _task("Session", f"{suite}/test/*session_verify*", ["wait", "id", "complete", 15])
    return [
        {"match": f"{suite}/test/*session_verify*", "tasks": [asked]},
        {"match": f"{url}/oauth/authorize*", "tasks": [sign_in, consent, refused, done]},
        {"match": f"{url}/oauth/end-session*", "tasks": [leave, left]},
    ]


def _only_seen(url: str) -> dict[str, Any]:
    """The first time the sign-in is looked at and left."""
    seen = _task("Look", f"{url}/sign-in*", ["wait", "xpath", "//*", 10, "Civitas"])
    return {"match": f"{url}/oauth/authorize*", "match-limit": 1, "tasks": [seen]}


def _task(name: str, match: str, *commands: list[Any]) -> dict[str, Any]:
    return {"task": name, "optional": True, "match": match, "commands": list(commands)}


def write(folder: Path, name: str, told: dict[str, Any]) -> None:
    plans = folder / "plans"
    plans.mkdir(exist_ok=True)
    (plans / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as error:
        raise SystemExit(str(error)) from error
