"""The wings of the house: their sections of the settings and their pages."""

from __future__ import annotations

from pathlib import Path

import device_registry
import pki
import policies
from foundation import ground
from foundation.settings import Section
from idp import broker, federation, login, oauth, portal, register

ROOT = Path(__file__).parents[1]

WINGS = (pki, policies, device_registry, register, federation, login, oauth, broker, portal)

SECTIONS: tuple[type[Section], ...] = (
    *ground.SECTIONS,
    *(section for wing in WINGS for section in wing.SECTIONS),
)

PAGES: dict[str, Path] = {
    "civitas": ROOT / "civitas/pages",
    "device_registry": ROOT / "device_registry/pages",
    "pki": ROOT / "pki/pages",
    "policies": ROOT / "policies/pages",
    "register": ROOT / "idp/register/pages",
    "federation": ROOT / "idp/federation/pages",
    "login": ROOT / "idp/login/pages",
    "oauth": ROOT / "idp/oauth/pages",
    "broker": ROOT / "idp/broker/pages",
    "portal": ROOT / "idp/portal/pages",
    "supervision": ROOT / "idp/supervision/pages",
}
