"""What a deployment is put together from: each package's sections of the settings and pages."""

from __future__ import annotations

from pathlib import Path

import device_registry
import pki
import policies
from documents import credentials, locker, signing
from foundation import runtime
from foundation.settings import Section
from idp import broker, developers, federation, login, oauth, portal, register

ROOT = Path(__file__).parents[1]

PACKAGES = (
    pki,
    policies,
    device_registry,
    signing,
    locker,
    credentials,
    register,
    federation,
    login,
    oauth,
    broker,
    developers,
    portal,
)

SECTIONS: tuple[type[Section], ...] = (
    *runtime.SECTIONS,
    *(section for package in PACKAGES for section in package.SECTIONS),
)

PAGES: dict[str, Path] = {
    "civitas": ROOT / "civitas/pages",
    "device_registry": ROOT / "device_registry/pages",
    "pki": ROOT / "pki/pages",
    "policies": ROOT / "policies/pages",
    "signing": ROOT / "documents/signing/pages",
    "register": ROOT / "idp/register/pages",
    "applications": ROOT / "idp/register/applications/pages",
    "federation": ROOT / "idp/federation/pages",
    "credentials": ROOT / "documents/credentials/pages",
    "locker": ROOT / "documents/locker/pages",
    "login": ROOT / "idp/login/pages",
    "oauth": ROOT / "idp/oauth/pages",
    "broker": ROOT / "idp/broker/pages",
    "developers": ROOT / "idp/developers/pages",
    "portal": ROOT / "idp/portal/pages",
    "supervision": ROOT / "idp/supervision/pages",
}
