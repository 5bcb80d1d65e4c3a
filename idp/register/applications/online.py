"""Applying online, put together: the applicant's acts, the office's, and what runs beside them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from foundation.runtime import Runtime
from idp.register.applications.applying import Applying
from idp.register.applications.cases import Cases
from idp.register.applications.contact import Contacts
from idp.register.applications.settings import ApplicationSettings
from idp.register.applications.sweeping import sweep
from idp.register.applications.ways import Offer, offers
from idp.register.desk import Desk


class OnlineApplications:
    """Parts: `applying`, `contacts`, `cases`; the desk that they end at."""

    def __init__(self, runtime: Runtime, desk: Desk) -> None:
        self.runtime = runtime
        self.desk = desk
        self.register = desk.register
        self.settings = runtime.settings.of(ApplicationSettings)
        self.contacts = Contacts(runtime, self.register.notices)
        self.applying = Applying(runtime, self.register, self.contacts)
        self.cases = Cases(runtime, self.register, self.contacts)
        runtime.jobs.periodic(
            "online applications", timedelta(hours=1), lambda: sweep(runtime, runtime.clock.now())
        )

    def offers(self, now: datetime) -> tuple[Offer, ...]:
        """The ways that are open, by the policy in force."""
        policy = self.register.proofing.current_policy(now)
        return offers(policy, self.settings.ways)

    def today(self, now: datetime) -> date:
        return now.astimezone(self.register.jurisdiction.zone).date()
