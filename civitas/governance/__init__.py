"""The three governance models: read `provider`, `regulator` and `broker` side by side.

Each page builds its parts from the ground up, and ends with the doors that it opens, in one order:
who comes in, what services learn, what is looked after, what anybody may check.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from civitas import tls_files
from civitas.deployment import Deployment
from civitas.governance import broker, provider, regulator
from civitas.house import PAGES
from foundation.clock import Clock
from foundation.ground import Ground, lay
from foundation.settings import Jurisdiction, Settings
from pki import CertificateAuthority

__all__ = ["MODELS", "assemble"]

MODELS: dict[str, Callable[[Ground], Deployment]] = {
    "provider": provider.assemble,
    "regulator": regulator.assemble,
    "broker": broker.assemble,
}


def assemble(settings: Settings, clock: Clock | None = None) -> Deployment:
    """The deployment that `[jurisdiction] governance` names, on a ground floor of its own."""
    ground = lay(settings, PAGES, clock)
    deployment = MODELS[settings.of(Jurisdiction).governance](ground)
    authority = deployment.parts.get("pki")
    if isinstance(authority, CertificateAuthority):
        authority.outlook.also.append(partial(tls_files.attention, deployment))
    return deployment
