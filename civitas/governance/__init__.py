"""The three governance models: read `provider`, `regulator` and `broker` side by side.

Each page builds its parts from below, and ends with the routes that it serves, in one order:
who comes in, what services learn, what is looked after, what anybody may check.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from civitas import tls_files
from civitas.components import PAGES
from civitas.deployment import Deployment
from civitas.governance import broker, provider, regulator
from foundation.clock import Clock
from foundation.runtime import Runtime, build
from foundation.settings import Jurisdiction, Settings
from pki import CertificateAuthority

__all__ = ["MODELS", "assemble"]

MODELS: dict[str, Callable[[Runtime], Deployment]] = {
    "provider": provider.assemble,
    "regulator": regulator.assemble,
    "broker": broker.assemble,
}


def assemble(settings: Settings, clock: Clock | None = None) -> Deployment:
    """The deployment that `[jurisdiction] governance` names, on a runtime of its own."""
    runtime = build(settings, PAGES, clock)
    deployment = MODELS[settings.of(Jurisdiction).governance](runtime)
    authority = deployment.parts.get("pki")
    if isinstance(authority, CertificateAuthority):
        authority.outlook.also.append(partial(tls_files.attention, deployment))
    return deployment
