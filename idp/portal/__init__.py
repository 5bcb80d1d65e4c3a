"""The portal: what a citizen sees and steers, and the account of staff, over everything below."""

from foundation.settings import Section
from idp.portal.routes import doors, staff_doors
from idp.portal.staff_account import StaffAccount
from idp.portal.wing import Portal

SECTIONS: tuple[type[Section], ...] = ()

__all__ = ["SECTIONS", "Portal", "StaffAccount", "doors", "staff_doors"]
