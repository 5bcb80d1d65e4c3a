"""The `[devices]` section."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from foundation.settings import Section


class DevicesSettings(Section):
    """How devices come in, and when they are to renew."""

    section: ClassVar[str] = "devices"
    token_hours: int = Field(default=72, ge=1, le=24 * 365)
    """How long a one-time enrolment token waits for its device."""
    renew_before_days: int = Field(default=30, ge=1, le=365)
    """How long before its certificate ends a device is due for renewal."""
    certificates_per_hour: int = Field(default=12, ge=1)
    """New certificates of one kind that a device may get in an hour; further renewals get 429."""
    approval_retry_seconds: int = Field(default=900, ge=1, le=86_400)
    """When a device that waits for an operator's approval is told to ask again."""
    refusals_per_device: int = Field(default=10, ge=1)
    """Refused enrolments from one address for one device, in ten minutes, before 429."""
    alert_after_refusals: int = Field(default=50, ge=1)
    """Refused enrolments from one address, in ten minutes, that raise an alert."""
