"""What the story has at hand: deployments, people, a service, a device."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from civitas.tour.browser import Browser
from civitas.tour.deployments import City, Deployed
from civitas.tour.offices import Office, open_office
from civitas.tour.passkey import SoftPasskey
from civitas.tour.service import Service, SignedIn

PURPOSE = "library"
HOME = {"officer": "desk", "operator": "devices", "regulator": "regulator"}
PASSWORD = "orbit velvet cactus lantern"


@dataclass
class World:
    """Grows with the story; a step that needs what an earlier one failed to make fails too."""

    folder: Path
    database: str | None = None
    citizen: Browser = field(default_factory=Browser)
    passkey: SoftPasskey | None = None
    civil_number: str = ""
    code: str = ""
    signed_in: SignedIn | None = None
    receipt: str = ""
    consent_url: str = ""
    office: Office = field(init=False)

    @cached_property
    def city(self) -> City:
        return City(self.folder, self.database)

    @cached_property
    def provider(self) -> Deployed:
        """The government's own provider, running."""
        deployed = self.city.found("provider", title="Tallinn", city="Tallinn", country="EE")
        made = open_office(deployed.config, partial(self.run_json, deployed))
        self.office = Office(deployed.url, made["client_id"], made["client_secret"])
        deployed.start()
        return deployed

    @cached_property
    def officer(self) -> Browser:
        """A registration officer, signed in with password and passkey."""
        return self.staff(self.provider, "officer")

    @cached_property
    def importer(self) -> Browser:
        """Another one, who enrols from files."""
        return self.staff(self.provider, "officer")

    @cached_property
    def library(self) -> Service:
        return self.service(self.provider)

    def service(self, deployed: Deployed) -> Service:
        """The same e-service, registered at a deployment."""
        added = self.run_json(
            deployed,
            "clients",
            "add",
            "--name",
            "City library",
            "--redirect",
            Service.redirect,
            "--scope",
            "openid profile age residence access:evaluate documents:request presentations:request",
            "--purpose",
            PURPOSE,
        )
        return Service(deployed.url, added["client_id"], added["client_secret"])

    def staff(self, deployed: Deployed, role: str) -> Browser:
        """Invite a member of staff, and let them follow the link and set up their sign-in."""
        invited = self.run_json(deployed, "staff", "invite", "--role", role, "--name", role.title())
        browser = Browser()
        browser.get(invited["link"])
        browser.submit(
            browser.form("name", "password", "repeated"),
            typed={
                "name": f"{role}.{secrets.token_hex(3)}",
                "password": PASSWORD,
                "repeated": PASSWORD,
            },
        )
        # The proof that they give with it counts: they have their roles at once.
        self.add_passkey(browser, deployed.url)
        browser.get(f"{deployed.url}/{HOME[role]}")
        return browser

    @staticmethod
    def use_passkey(browser: Browser, passkey: SoftPasskey) -> None:
        """What a page's script does with a passkey, to sign in or to step up."""
        button = browser.marked("data-passkey")
        more = {"step_up": button.get("data-step-up") == "true"}
        here = f"?{urlsplit(browser.url).query}"
        asked = browser.post_json(button["data-ask"] + here, more, button["data-csrf"])
        answered = browser.post_json(
            button["data-answer"] + here,
            {
                **more,
                "challenge": asked["challenge"],
                "credential": passkey.get(asked["options"]),
            },
            button["data-csrf"],
        )
        browser.get(answered["location"])

    @staticmethod
    def add_passkey(browser: Browser, origin: str) -> SoftPasskey:
        """What the page's script does: ask for options, let the authenticator sign, answer."""
        passkey = SoftPasskey(origin)
        button = browser.marked("data-passkey")
        asked = browser.post_json(button["data-ask"], {}, button["data-csrf"])
        browser.post_json(
            button["data-answer"],
            {"challenge": asked["challenge"], "credential": passkey.create(asked["options"])},
            button["data-csrf"],
        )
        return passkey

    @staticmethod
    def run_json(deployed: Deployed, *arguments: str) -> Any:
        return json.loads(deployed.civitas(*arguments, "--json"))

    def close(self) -> None:
        if "city" in self.__dict__:
            self.city.close()
