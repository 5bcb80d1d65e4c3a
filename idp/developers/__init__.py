"""The integrators' place: developers register services, see why requests fail, try a sign-in."""

from pathlib import Path

from idp.developers.chart import Chart, chart_of
from idp.developers.developers import Developers
from idp.developers.ends import ServicesEndWithIdentity
from idp.developers.routes import routes_of
from idp.developers.service import Owned, Owner
from idp.developers.settings import DevelopersSettings

SECTIONS = (DevelopersSettings,)
PAGES = Path(__file__).parent / "pages"

__all__ = [
    "PAGES",
    "SECTIONS",
    "Chart",
    "Developers",
    "DevelopersSettings",
    "Owned",
    "Owner",
    "ServicesEndWithIdentity",
    "chart_of",
    "routes_of",
]
