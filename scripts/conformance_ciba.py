"""What the FAPI-CIBA plans of the conformance suite need beside `conformance.py`: clients that a
person lets in once, and that person, who answers what these ask while a plan runs."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from civitas.tour.browser import Browser
from civitas.tour.world import PASSWORD
from idp.oauth import pkce
from scripts.conformance_fapi import BOUND, SUITE_NAMES, Plan, Register, clients_of

_PLAN = "fapi-ciba-id1-test-plan"
_STATIC = {"fapi_ciba_profile": "plain_fapi", "client_registration": "static_client"}
GRANTS = ("authorization_code", "refresh_token", "urn:openid:params:grant-type:ciba")
SCOPE = "openid profile email offline_access"
MODES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "ciba-poll": ("mtls", "self_signed_tls_client_auth", (BOUND,)),
    "ciba-ping": (
        "mtls",
        "self_signed_tls_client_auth",
        (
            BOUND,
            "backchannel_token_delivery_mode=ping",
            "backchannel_client_notification_endpoint={base}/ciba-notification-endpoint",
        ),
    ),
}


def line(name: str) -> str:
    """What the suite's runner calls this plan."""
    said = {**_STATIC, "client_auth_type": MODES[name][0], "ciba_mode": name.partition("-")[2]}
    return _PLAN + "".join(f"[{variant}={value}]" for variant, value in said.items())


class Resident:
    """Answers in the portal, when the suite says so."""

    def __init__(self, url: str, name: str, browser: Browser) -> None:
        self._url, self._name, self._browser = url, name, browser
        self._lock = threading.Lock()

    def listens(self) -> str:
        """The address that the suite is told; it serves until this program ends."""
        resident = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                action = parse_qs(urlsplit(self.path).query)["action"][0]
                said = resident.answers(action == "allow").encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None: ...

        door = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        threading.Thread(target=door.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{door.server_port}/?action={{action}}&request={{auth_req_id}}"

    def answers(self, allowed: bool) -> str:
        with self._lock:
            self._here()
            found = [form for form in self._browser.forms if "request" in form.fields]
            if not found:
                return "nothing is asked"
            self._browser.submit(found[-1], ("answer", "look" if allowed else "refuse"))
            if allowed:
                self._consents()
            return f"{'allowed' if allowed else 'refused'}: {self._browser.url}"

    def lets_in(self, client_id: str, callback: str) -> None:
        """The first time, at the service itself."""
        asked = {
            "client_id": client_id, "response_type": "code", "redirect_uri": callback,
            "scope": SCOPE, "code_challenge": pkce.challenge_of("v" * 43),
            "code_challenge_method": "S256",
        }  # fmt: skip
        with self._lock:
            self._here()
            self._browser.leaves_at = callback
            self._browser.get(f"{self._url}/oauth/authorize?{urlencode(asked)}")
            self._consents()
            self._browser.leaves_at = None

    def _consents(self) -> None:
        form = self._browser.form("answer", "transaction")
        given = {name: "yes" for name in form.choices if name.startswith("give.")}
        self._browser.submit(form, ("answer", "accept"), typed=given)

    def _here(self) -> None:
        self._browser.get(f"{self._url}/account/services/asking")
        if "/sign-in" in self._browser.url:
            form = self._browser.form("name", "password")
            self._browser.submit(form, typed={"name": self._name, "password": PASSWORD})


def asking(
    folder: Path, base: str, name: str, url: str, purpose: str, register: Register, who: Resident
) -> dict[str, Any]:
    """Two clients that ask people, and whom they ask; what they ask they will have to sign."""
    variant, method, switches = MODES[name]
    plan = Plan(
        _PLAN,
        {"client_auth_type": variant, "sender_constrain": "mtls"},
        method,
        tuple(switch.format(base=base) for switch in switches),
    )
    grants = [*(f"--grant={grant}" for grant in GRANTS), "--id-token-alg=ES256"]
    told = clients_of(folder, f"{base}/callback", name, plan, purpose, register, *grants)
    for number, client in enumerate(SUITE_NAMES):
        query = "?dummy1=lorem&dummy2=ipsum" if number else ""
        who.lets_in(told[client]["client_id"], f"{base}/callback{query}")
        told[client] |= {"hint_type": "login_hint", "hint_value": _subject(folder)}
    told["client2"]["acr_value"] = "urn:civitas:loa:2"
    told["resource"] = {"resourceUrl": f"{url}/oauth/userinfo"}
    return told


def _subject(folder: Path) -> str:
    """How services on this machine know the one resident."""
    with sqlite3.connect(folder / "civitas.db") as database:
        query = "SELECT subject FROM oauth_pairwise_subjects WHERE sector = 'localhost'"
        return str(database.execute(query).fetchone()[0])
