"""The section `[policies]`: who is responsible, how far the organisation is assured."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from foundation.settings import Section


class PoliciesSettings(Section):
    """What a jurisdiction decides about levels, consent and the decision point."""

    section: ClassVar[str] = "policies"

    organisation_level: int = Field(default=3, ge=1, le=4)
    """The level that the organisation itself was assessed at (ISO/IEC 29115 §9, MO-1 to MO-7);
    no session is above it. Raise it to 4 when the assessment says so."""

    bases: str | None = None
    """The file of legal bases on record, relative to this file; the packaged one if absent."""

    controller: str | None = None
    """The data controller's name in notices and receipts; the jurisdiction's name if absent."""

    controller_contact: str | None = None
    """How to reach the controller: a URL or address; the address of this service if absent."""

    questions_per_minute: int = Field(default=600, ge=1)
    """How many questions one service may ask at the AuthZEN endpoints in a minute."""
