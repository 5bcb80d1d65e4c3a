"""The portal: what a citizen sees and steers, and the account of staff, over everything below."""

from foundation.settings import Section
from idp.portal.portal import Portal
from idp.portal.routes import routes_of, staff_routes
from idp.portal.staff_account import StaffAccount

SECTIONS: tuple[type[Section], ...] = ()

__all__ = ["SECTIONS", "Portal", "StaffAccount", "routes_of", "staff_routes"]
