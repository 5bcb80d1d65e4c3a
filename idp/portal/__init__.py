"""The portal: what a citizen sees and steers, over everything below."""

from foundation.settings import Section
from idp.portal.routes import doors
from idp.portal.wing import Portal

SECTIONS: tuple[type[Section], ...] = ()

__all__ = ["SECTIONS", "Portal", "doors"]
