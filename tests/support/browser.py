"""The system's Chromium, a virtual authenticator, and an accessibility check."""

from __future__ import annotations

import shutil
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import Browser, Page, sync_playwright

from civitas.tour.passkey import SoftPasskey

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium; `make setup` brings it."""
    executable = shutil.which("chromium")
    assert executable, "Chromium is missing: run `make setup`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()


class VirtualAuthenticator:
    """A platform authenticator inside the browser, over the DevTools protocol — WebAuthn §11."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("WebAuthn.enable")
        made = self._session.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "ctap2Version": "ctap2_1",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        self.id: str = made["authenticatorId"]

    def credentials(self) -> list[dict[str, Any]]:
        """The passkeys that it holds."""
        answer = self._session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        found: list[dict[str, Any]] = answer["credentials"]
        return found

    def hold(self, passkey: SoftPasskey) -> None:
        """Take over a passkey that was made elsewhere."""
        private = passkey.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        self._session.send(
            "WebAuthn.addCredential",
            {
                "authenticatorId": self.id,
                "credential": {
                    "credentialId": b64encode(passkey.credential_id).decode(),
                    "isResidentCredential": True,
                    "rpId": passkey.rp_id,
                    "privateKey": b64encode(private).decode(),
                    "userHandle": b64encode(passkey.user_handle or b"").decode(),
                    "signCount": passkey.counter,
                    "backupEligibility": passkey.backup_eligible,
                    "backupState": passkey.backup_eligible,
                },
            },
        )
        passkey.counter += 1000  # what it signs there counts: the next here is no stale one

    def verify_user(self, verified: bool) -> None:
        """Whether the person's finger or PIN is accepted from now on."""
        self._session.send(
            "WebAuthn.setUserVerified",
            {"authenticatorId": self.id, "isUserVerified": verified},
        )

    def remove(self) -> None:
        self._session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self.id})


def assert_accessible(page: Page) -> None:
    """Fail, with axe's report, when the page as it stands breaks a rule of WCAG 2.2 A or AA."""
    results = Axe().run(page, options={"runOnly": {"type": "tag", "values": AXE_RULES}})
    assert results.violations_count == 0, f"{page.url}\n{results.generate_report()}"
