"""Supervision: what operators do in an incident, and what auditors see — ISO/IEC 27035-1."""

from idp.supervision.applying import Plan, Step
from idp.supervision.declared import Declarations, FaultyFile
from idp.supervision.declared import read as read_declarations
from idp.supervision.endpoints.incidents import EVERYBODY
from idp.supervision.endpoints.staff import END, FREEZE
from idp.supervision.incidents import Incidents, Stopped
from idp.supervision.managing import Changed, Managing
from idp.supervision.parts import Parts
from idp.supervision.routes import routes_of
from idp.supervision.supervision import Supervision

__all__ = [
    "END",
    "EVERYBODY",
    "FREEZE",
    "Changed",
    "Declarations",
    "FaultyFile",
    "Incidents",
    "Managing",
    "Parts",
    "Plan",
    "Step",
    "Stopped",
    "Supervision",
    "read_declarations",
    "routes_of",
]
